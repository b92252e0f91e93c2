import { ANNOTATIONS, type JupyterServerStatus } from "@amalthea/api";
import { describe, expect, it } from "vitest";
import type { Observed } from "../live/observed.ts";
import { aChild, ago, anEvent, anObserved, aReadyPod, aServer, NOW, timeAgo } from "../testing/builders.ts";
import { retryPod } from "./retry-pod.ts";

const REFUSAL = 'create Pod alice-0 in StatefulSet alice failed error: pods "alice-0" is forbidden: exceeded quota: q';

function failing(reason: string, failedSince: string): JupyterServerStatus {
  const ready = { type: "Ready", status: "False", reason, message: "", lastTransitionTime: failedSince } as const;
  return { state: "failed", failedSince, conditions: [ready] };
}

/** A server that failed so many seconds ago, and whose pod was refused last so many seconds ago. */
function refused(failedAgo: number, triedAgo: number, more: Partial<Observed> = {}): Observed {
  const statefulSet = aChild("statefulset", "StatefulSet", { spec: { replicas: 1 } });
  return anObserved({
    server: aServer({ status: failing("QuotaExceeded", timeAgo(failedAgo)) }),
    children: [statefulSet],
    events: [anEvent("StatefulSet", "FailedCreate", REFUSAL, ago(triedAgo))],
    ...more,
  });
}

const touches = (observed: Observed, now: Date = NOW): number => retryPod(observed, now).actions.length;

describe("a pod that was refused", () => {
  it.each([
    { failedAgo: 12, triedAgo: 9, dueIn: 1 },
    { failedAgo: 12, triedAgo: 10, dueIn: undefined },
    { failedAgo: 40, triedAgo: 15, dueIn: 5 },
    { failedAgo: 600, triedAgo: 29, dueIn: 1 },
    { failedAgo: 600, triedAgo: 30, dueIn: undefined },
    { failedAgo: 3700, triedAgo: 299, dueIn: 1 },
    { failedAgo: 3700, triedAgo: 300, dueIn: undefined },
  ])("$failedAgo s ago, and last $triedAgo s ago, is tried again in $dueIn s", ({ failedAgo, triedAgo, dueIn }) => {
    const retry = retryPod(refused(failedAgo, triedAgo), NOW);
    expect(retry.dueInSeconds).toBe(dueIn);
    expect(retry.actions).toHaveLength(dueIn === undefined ? 1 : 0);
  });

  it("is tried again by a touch of the StatefulSet that changes nothing else", () => {
    expect(retryPod(refused(600, 30), NOW).actions).toMatchObject([
      {
        kind: "PatchMetadata",
        childKey: "retry",
        target: { kind: "StatefulSet", name: "alice" },
        operations: [
          { op: "test", path: "/metadata/uid" },
          { op: "add", path: "/metadata/annotations" },
          { op: "add", path: "/metadata/annotations/amalthea.dev~1pod-retried-at", value: "2026-03-01T12:00:00Z" },
        ],
      },
    ]);
  });

  it("costs at most 410 touches in a day of refusals, each 5 minutes after the last one at the latest", () => {
    let observed = refused(0, 0);
    let count = 0;
    for (let second = 1; second <= 86_400; second++) {
      const now = new Date(NOW.getTime() + second * 1000);
      if (touches(observed, now) === 0) continue;
      count += 1;
      observed = { ...observed, events: [anEvent("StatefulSet", "FailedCreate", REFUSAL, now)] };
    }
    expect(count).toBeGreaterThan(86_400 / 300);
    expect(count).toBeLessThanOrEqual(410);
  });

  it("is not tried more often when its Events are dropped, as those of a busy source are", () => {
    const annotations = { [ANNOTATIONS.podRetriedAt]: timeAgo(10) };
    const statefulSet = aChild("statefulset", "StatefulSet", { spec: { replicas: 1 } });
    const children = [{ ...statefulSet, metadata: { ...statefulSet.metadata, annotations } }];
    expect(retryPod(refused(600, 500, { children }), NOW)).toEqual({ actions: [], dueInSeconds: 20 });
  });

  it("is tried again at once when the quota has room, and once only", () => {
    expect(touches(refused(600, 5, { quotaFreedAt: ago(1) }))).toBe(1);
    expect(touches(refused(600, 5, { quotaFreedAt: ago(6) }))).toBe(0);
  });

  it.each([
    { what: "there is one now", more: { pod: aReadyPod() } },
    { what: "none is wanted", more: { server: aServer({ jupyterServer: { hibernated: true } }) } },
    { what: "nothing was refused", more: { events: [] } },
    {
      what: "its StatefulSet does not want one yet",
      more: { children: [aChild("statefulset", "StatefulSet", { spec: { replicas: 0 } })] },
    },
    {
      what: "the refusal was of an earlier start",
      more: { server: aServer({ status: failing("Resuming", timeAgo(1)) }) },
    },
  ])("is left alone when $what", ({ more }) => {
    expect(touches(refused(600, 100, more))).toBe(0);
  });
});
