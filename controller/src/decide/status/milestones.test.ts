import type { JupyterServerStatus, MainPod } from "@amalthea/api";
import { describe, expect, it } from "vitest";
import { aCondition, aContainer, ago, aPod, aReadyPod, aServer, NOW, timeAgo } from "../testing/builders.ts";
import { endOf, milestonesBetween, type Milestone } from "./milestones.ts";

const STARTING: JupyterServerStatus = { state: "starting", startingSince: timeAgo(90), startedAt: timeAgo(90) };
const RUNNING: JupyterServerStatus = { state: "running" };

const pod = aPod({
  metadata: { creationTimestamp: timeAgo(88) },
  conditions: [
    aCondition("PodScheduled", "True", { lastTransitionTime: timeAgo(80) }),
    aCondition("PodReadyToStartContainers", "True", { lastTransitionTime: timeAgo(60) }),
    aCondition("Ready", "True", { lastTransitionTime: timeAgo(2) }),
  ],
  containers: [aContainer({ state: { running: { startedAt: timeAgo(10) } } })],
});

function milestones(before: JupyterServerStatus | undefined, next: JupyterServerStatus): readonly Milestone[] {
  return milestonesBetween(
    aServer(before === undefined ? {} : { status: before }),
    next,
    { pod, isResuming: false },
    NOW,
  );
}

type Started = Extract<Milestone, { kind: "Started" }>;

function started(before: JupyterServerStatus, itsPod = pod, isResuming = false): Started | undefined {
  const server = aServer({ status: before });
  const milestone = milestonesBetween(server, RUNNING, { pod: itsPod, isResuming }, NOW).find(
    ({ kind }) => kind === "Started",
  );
  return milestone as Started | undefined;
}

describe("what a status says for the first time", () => {
  it("counts once: a status that says the same again is no change, whoever wrote it", () => {
    const [changed] = milestones(STARTING, RUNNING);
    expect(changed).toEqual({ kind: "StateChanged", from: "starting", to: "running" });
    expect(milestones(RUNNING, { ...RUNNING, url: "https://other.example.org" })).toEqual([]);
  });

  it("tells new servers from those that change, and takes no state that is none", () => {
    expect(milestones(undefined, STARTING)).toEqual([{ kind: "StateChanged", from: "none", to: "starting" }]);
    const odd = { state: 'x"} 1' } as unknown as JupyterServerStatus;
    expect(milestones(odd, STARTING)).toEqual([{ kind: "StateChanged", from: "none", to: "starting" }]);
    expect(endOf(aServer({ status: RUNNING }))).toEqual({ kind: "StateChanged", from: "running", to: "deleted" });
  });

  it("tells a resume, but not the deletion of a hibernated server", () => {
    const kinds = (to: JupyterServerStatus): readonly string[] =>
      milestones({ state: "hibernated" }, to).map(({ kind }) => kind);
    expect(kinds(STARTING)).toEqual(["StateChanged", "Resumed"]);
    expect(kinds({ state: "stopping" })).toEqual(["StateChanged"]);
  });

  it("tells a route that is refused and a resize that needs a new pod, once each", () => {
    const why = (type: string, reason: string): JupyterServerStatus => ({
      state: "running",
      conditions: [{ type, status: "True", reason, message: "", lastTransitionTime: timeAgo(1) }],
    });
    for (const [condition, kind] of [
      [why("Stalled", "RouteTaken"), "RouteRefused"],
      [why("UpdatePending", "ResizeNotPossible"), "ResizeNotPossible"],
    ] as const) {
      expect(milestones(RUNNING, condition)).toEqual([{ kind }]);
      expect(milestones(condition, condition)).toEqual([]);
    }
  });
});

describe("a start", () => {
  it("takes as long as its phases together, each from where the one before it ended", () => {
    const { seconds, phases } = started(STARTING)!;
    expect(seconds).toBe(90);
    expect(phases.map(({ phase, seconds: part }) => [phase, part])).toEqual([
      ["pod", 2],
      ["schedule", 8],
      ["prepare", 20],
      ["containers", 50],
      ["ready", 8],
      ["route", 2],
    ]);
  });

  it("is the first one, one after a hibernation, or one with another pod", () => {
    expect(started({ ...STARTING, neverReady: true })?.start).toBe("first");
    expect(started(STARTING, pod, true)?.start).toBe("resume");
    expect(started({ ...STARTING, startedAt: timeAgo(5000) })?.start).toBe("restart");
  });

  it("is the first one, too, where it is not known that the server was never ready, and it was not hibernated", () => {
    expect(started(STARTING)?.start).toBe("first");
  });

  it("is not that the same pod is ready again after an outage", () => {
    const again = { ...STARTING, startedAt: timeAgo(5000) };
    const known = aReadyPod({ metadata: { creationTimestamp: timeAgo(5000) } });
    const before = (uid: string): JupyterServerStatus => ({ ...again, mainPod: { ...({} as MainPod), uid } });
    expect(started(before(known.metadata.uid), known)).toBeUndefined();
    expect(started(before("another"), known)?.start).toBe("restart");
  });

  it("has no phases of a pod that was there before, and leaves out what is not known", () => {
    const older = aReadyPod({ metadata: { creationTimestamp: timeAgo(5000) } });
    expect(started(STARTING, older)?.phases).toEqual([]);
    const vague = aReadyPod({ metadata: { creationTimestamp: timeAgo(90) }, containers: [] });
    expect(started(STARTING, vague)?.phases.map(({ phase }) => phase)).toEqual(["pod", "schedule", "ready", "route"]);
  });

  it("takes no negative time, and no longer than it took, where the clock of a node is ahead", () => {
    const ahead = aReadyPod({
      metadata: { creationTimestamp: timeAgo(80) },
      conditions: [aCondition("PodScheduled", "True", { lastTransitionTime: ago(-500).toISOString() })],
    });
    const { seconds, phases } = started(STARTING, ahead)!;
    expect(phases.every((phase) => phase.seconds >= 0)).toBe(true);
    expect(phases.reduce((sum, phase) => sum + phase.seconds, 0)).toBe(seconds);
  });

  it("that failed in between has no duration", () => {
    const kinds = milestones({ state: "failed", failedSince: timeAgo(9) }, RUNNING).map(({ kind }) => kind);
    expect(kinds).toEqual(["StateChanged"]);
  });
});
