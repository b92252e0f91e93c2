import { ANNOTATIONS } from "@amalthea/api";
import type { ContainerStatus, PodCondition } from "kubernetes-types/core/v1.js";
import { expect, it } from "vitest";
import { aCondition, aContainer, aReadyPod } from "../testing/builders.ts";
import { resizeResultBetween } from "./resize-result.ts";

type Pod = ReturnType<typeof aReadyPod>;

/** A pod of which 2 CPUs were requested, with what its container has. */
function aResizedPod(present: string, conditions: readonly PodCondition[] = [], uid = "pod"): Pod {
  const container = { ...aContainer({ ready: true }), resources: { requests: { cpu: present } } } as ContainerStatus;
  return aReadyPod({
    metadata: { uid, annotations: { [ANNOTATIONS.resizedTo]: "{}" } },
    spec: { containers: [{ name: "jupyter-server", resources: { requests: { cpu: "2" } } }] },
    containers: [container],
    conditions,
  });
}

const requested = aResizedPod("1");
const completed = aResizedPod("2000m");
const running = aResizedPod("1", [aCondition("PodResizeInProgress", "True")]);
const deferred = aResizedPod("1", [aCondition("PodResizePending", "True", { reason: "Deferred" })]);
const infeasible = aResizedPod("1", [aCondition("PodResizePending", "True", { reason: "Infeasible" })]);
const failed = aResizedPod("1", [aCondition("PodResizeInProgress", "True", { reason: "Error" })]);

it.each([
  { from: "requested", previous: requested, to: "completed at once", current: completed, result: "Completed" },
  { from: "running", previous: running, to: "completed", current: completed, result: "Completed" },
  { from: "deferred", previous: deferred, to: "completed", current: completed, result: "Completed" },
  { from: "requested", previous: requested, to: "deferred", current: deferred, result: "Deferred" },
  { from: "requested", previous: requested, to: "infeasible", current: infeasible, result: "Infeasible" },
  { from: "running", previous: running, to: "failing", current: failed, result: "Failed" },
  { from: "requested", previous: requested, to: "running", current: running, result: undefined },
  { from: "completed", previous: completed, to: "requested again", current: requested, result: undefined },
  { from: "deferred", previous: deferred, to: "the same in another version", current: deferred, result: undefined },
  {
    from: "requested",
    previous: requested,
    to: "another pod",
    current: aResizedPod("2", [], "other"),
    result: undefined,
  },
])("from $from to $to a resize has the result $result", ({ previous, current, result }) => {
  expect(resizeResultBetween(previous, current)).toBe(result);
});

it("of a pod that was not resized by us there is none", () => {
  const foreign = (present: string): Pod => ({ ...aResizedPod(present), metadata: aReadyPod().metadata });
  expect(resizeResultBetween(foreign("1"), foreign("2"))).toBeUndefined();
});
