import type { Live, StoreChange } from "@amalthea/kube";
import type { ResourceQuota } from "kubernetes-types/core/v1.js";
import { describe, expect, it } from "vitest";
import { QuotaMemory, quotaContent } from "./quota-memory.ts";

const NOW = new Date("2026-03-01T12:00:00Z");

function aQuota(hard: Record<string, string>, used: Record<string, string>): Live<ResourceQuota> {
  const metadata = { name: "q", namespace: "team", uid: "u", resourceVersion: "1", creationTimestamp: "" };
  return quotaContent({ metadata, spec: { hard }, status: { hard, used } });
}

const full = aQuota({ pods: "2", "requests.memory": "4Gi" }, { pods: "2", "requests.memory": "1Gi" });

function changed(previous: Live<ResourceQuota> | undefined, current: Live<ResourceQuota> | undefined): unknown {
  const memory = new QuotaMemory();
  const change = { key: "team/q", previous, current, initial: false } as unknown as StoreChange<ResourceQuota>;
  const namespace = memory.changed(change, NOW);
  expect(memory.freedAt("team")).toEqual(namespace === undefined ? undefined : NOW);
  return namespace;
}

describe("a ResourceQuota", () => {
  it.each([
    { how: "a pod is gone", current: aQuota({ pods: "2", "requests.memory": "4Gi" }, { pods: "1" }) },
    { how: "it is raised", current: aQuota({ pods: "3", "requests.memory": "4Gi" }, { pods: "2" }) },
    { how: "one of its limits is taken out", current: aQuota({ "requests.memory": "4Gi" }, {}) },
    { how: "it is deleted", current: undefined },
  ])("has more room when $how", ({ current }) => {
    expect(changed(full, current)).toBe("team");
  });

  it.each([
    { how: "it is new", previous: undefined, current: full },
    {
      how: "more is used",
      previous: aQuota({ pods: "2" }, { pods: "1" }),
      current: aQuota({ pods: "2" }, { pods: "2" }),
    },
    {
      how: "nothing changes but its writing",
      previous: full,
      current: aQuota({ pods: "2", "requests.memory": "4096Mi" }, { pods: "2", "requests.memory": "1024Mi" }),
    },
  ])("has no more room when $how", ({ previous, current }) => {
    expect(changed(previous, current)).toBeUndefined();
  });
});
