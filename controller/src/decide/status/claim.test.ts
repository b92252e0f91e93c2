import { describe, expect, it } from "vitest";
import type { LiveChild } from "../live/observed.ts";
import { aChild, aCondition, aReadyPod, aServer, timeAgo } from "../testing/builders.ts";
import { brief, conditionOf, decideStatus } from "../testing/status.ts";

function aClaim(
  capacity: string,
  requested: string,
  more: Partial<LiveChild["metadata"]> = {},
  conditions: object[] = [],
): LiveChild {
  const claim = aChild("pvc", "PersistentVolumeClaim", {
    spec: { volumeName: "pv", resources: { requests: { storage: requested } } },
    status: { phase: "Bound", capacity: { storage: capacity }, conditions },
  });
  return { ...claim, metadata: { ...claim.metadata, ...more } };
}

const server = aServer({ pvc: { enabled: true } });
const growing = aClaim("1Gi", "2Gi");
const told = (type: string, secondsAgo: number): ReturnType<typeof aServer> =>
  aServer({
    pvc: { enabled: true },
    status: {
      state: "running",
      conditions: [
        { type, status: "True", reason: "VolumeGrowing", message: "", lastTransitionTime: timeAgo(secondsAgo) },
      ],
    },
  });

describe("a volume that is to grow", () => {
  it.each([
    { when: "it was just asked for", observed: { server }, condition: "Reconciling" },
    {
      when: "less than the grace period has passed",
      observed: { server: told("Reconciling", 599) },
      condition: "Reconciling",
    },
    { when: "the grace period has passed", observed: { server: told("Reconciling", 600) }, condition: "Stalled" },
    { when: "it was told as a stall before", observed: { server: told("Stalled", 5) }, condition: "Stalled" },
  ])("is told as $condition when $when, and the server runs on", ({ observed, condition }) => {
    const { status } = decideStatus({ ...observed, pod: aReadyPod(), children: [growing] });
    expect(brief(conditionOf(status, condition))).toBe("True VolumeGrowing");
    expect(conditionOf(status, condition)?.message).toContain(
      "is being expanded from 1Gi to 2Gi: no progress is reported.",
    );
    expect(conditionOf(status, condition === "Stalled" ? "Reconciling" : "Stalled")).toBeUndefined();
    expect(brief(conditionOf(status, "Ready"))).toBe("True PodReady");
  });

  it("is the server's own, not one that a patch added", () => {
    const own = aClaim("1Gi", "1Gi");
    const data = { ...growing.metadata, name: "data", uid: "data", labels: { "amalthea.dev/child-key": "data" } };
    const { status } = decideStatus({ server, pod: aReadyPod(), children: [{ ...growing, metadata: data }, own] });
    expect(conditionOf(status, "Reconciling")).toBeUndefined();
  });

  it("is looked at again when the grace period ends", () => {
    const { checkAgainSeconds } = decideStatus({
      server: told("Reconciling", 590),
      pod: aReadyPod(),
      children: [growing],
    });
    expect(checkAgainSeconds).toBe(10);
  });

  it("is told in the words of the claim's own conditions", () => {
    const pending = {
      type: "FileSystemResizePending",
      status: "True",
      message: "Waiting for user to (re-)start a pod.",
    };
    const { status } = decideStatus({ server, pod: aReadyPod(), children: [aClaim("1Gi", "2Gi", {}, [pending])] });
    expect(conditionOf(status, "Reconciling")?.message).toContain("(re-)start a pod");
  });

  it("is not told any more once it has the size, however that is written", () => {
    const { status } = decideStatus({
      server: told("Stalled", 9),
      pod: aReadyPod(),
      children: [aClaim("2048Mi", "2Gi")],
    });
    expect(conditionOf(status, "Stalled")).toBeUndefined();
    expect(conditionOf(status, "Reconciling")).toBeUndefined();
  });
});

describe("a claim that somebody deletes", () => {
  const deleted = aClaim("1Gi", "1Gi", { deletionTimestamp: timeAgo(1) });

  it("is told while its pod still has the files", () => {
    const { status, events } = decideStatus({ server, pod: aReadyPod(), children: [deleted] });
    expect(brief(conditionOf(status, "StorageWarning"))).toBe("True ClaimDeleting");
    expect(events.map(({ type, reason }) => `${type} ${reason}`)).toContain("Warning ClaimDeleting");
    expect(brief(conditionOf(status, "Ready"))).toBe("True PodReady");
  });

  it("is no news when the server itself is being deleted", () => {
    const leaving = aServer({ pvc: { enabled: true }, metadata: { deletionTimestamp: timeAgo(1) } });
    const { status } = decideStatus({ server: leaving, pod: aReadyPod(), children: [deleted] });
    expect(conditionOf(status, "StorageWarning")).toBeUndefined();
  });
});

describe("a resize that the kubelet cannot do", () => {
  it("waits with its reason, and is not called progress", () => {
    const message = "attempting to set pod memory limit (268435456) below current usage (402653184)";
    const pod = aReadyPod({ conditions: [aCondition("PodResizeInProgress", "True", { reason: "Error", message })] });
    const { status } = decideStatus({ pod }, { resize: { kind: "None" } });
    expect(brief(conditionOf(status, "UpdatePending"))).toBe("True ResizeFailed");
    expect(conditionOf(status, "UpdatePending")?.message).toContain("below current usage");
    expect(conditionOf(status, "Reconciling")).toBeUndefined();
  });
});

describe("a claim without a volume that is recreated, because it cannot be changed", () => {
  const pending = aChild("pvc", "PersistentVolumeClaim", { status: { phase: "Pending" } });
  const refusal = { childKey: "pvc", kind: "PersistentVolumeClaim", code: 422, message: "immutable", desiredHash: "" };

  it("is no stall, as it is on one that has a volume", () => {
    const stalledWith = (claim: LiveChild): string | undefined =>
      brief(conditionOf(decideStatus({ server, children: [claim], failures: [refusal] }).status, "Stalled"));
    expect(stalledWith(pending)).toBeUndefined();
    expect(stalledWith(growing)).toBe("True InvalidChild");
  });

  it("has no files that could be lost", () => {
    const deleted = { ...pending, metadata: { ...pending.metadata, deletionTimestamp: timeAgo(1) } };
    const { status } = decideStatus({ server, pod: aReadyPod(), children: [deleted] });
    expect(conditionOf(status, "StorageWarning")).toBeUndefined();
  });
});
