import { ANNOTATIONS, type JupyterServerStatus } from "@amalthea/api";
import { describe, expect, it } from "vitest";
import type { Observed } from "../live/observed.ts";
import {
  aCondition,
  aPod,
  aReadyPod,
  aServer,
  NOW,
  type PodOptions,
  type ServerOptions,
  timeAgo,
} from "../testing/builders.ts";
import { conditionOf, decideStatus } from "../testing/status.ts";

const UID = "22222222-2222-4222-8222-222222222222";
const RUNNING: JupyterServerStatus = { state: "running", mainPod: { uid: UID } };

const server = (options: ServerOptions = {}): Observed["server"] => aServer({ status: RUNNING, ...options });
const ending = (more: PodOptions = {}): NonNullable<Observed["pod"]> =>
  aReadyPod({ ...more, metadata: { deletionTimestamp: timeAgo(1), ...more.metadata } });
const evicted = aPod({
  ...{ phase: "Failed", reason: "Evicted" },
  message: 'Usage of EmptyDir volume "workspace" exceeds the limit "100Mi". ',
});
const successor = aReadyPod({ metadata: { uid: "another" } });

function warning(observed: Partial<Observed>, facts = {}): string | undefined {
  const { status } = decideStatus({ server: server(), ...observed }, facts);
  const found = conditionOf(status, "StorageWarning");
  return found?.reason === "FilesLost" ? found.message : undefined;
}

describe("a server whose files are not on a volume", () => {
  it.each([
    {
      what: "was evicted for its disk",
      observed: { pod: evicted },
      cause: 'its pod was evicted: Usage of EmptyDir volume "workspace" exceeds the limit "100Mi"',
    },
    {
      what: "was evicted, and its next pod is ready already",
      observed: { pod: successor, formerPod: evicted },
      cause: "its pod was evicted: Usage",
    },
    {
      what: "is being drained",
      observed: {
        pod: ending({ conditions: [aCondition("DisruptionTarget", "True", { reason: "EvictionByEvictionAPI" })] }),
      },
      cause: "as happens when a node is drained",
    },
    {
      what: "has its pod deleted by somebody",
      observed: { pod: ending() },
      cause: "its pod was deleted",
    },
    {
      what: "has another pod, and nobody saw why",
      observed: { pod: successor },
      cause: "its pod was replaced",
    },
    { what: "has no pod any more", observed: {}, cause: "its pod was replaced" },
    {
      what: "was not ready for a while before",
      observed: {
        server: server({
          status: {
            ...{ state: "starting", mainPod: { uid: UID } },
            conditions: [
              { type: "Ready", status: "False", reason: "NotReady", message: "", lastTransitionTime: timeAgo(9) },
            ],
          },
        }),
        pod: evicted,
      },
      cause: "its pod was evicted",
    },
  ])("says that they are lost and why when it $what", ({ observed, cause }) => {
    const message = warning(observed);
    expect(message).toContain("All files of the server were lost at 2026-03-01T12:00:00Z, because ");
    expect(message).toContain(cause);
  });

  const stopped: JupyterServerStatus = {
    ...{ state: "starting", mainPod: { uid: UID } },
    conditions: [{ type: "Ready", status: "False", reason: "Starting", message: "", lastTransitionTime: timeAgo(9) }],
  };
  const forced = (readyUntil: string): NonNullable<Observed["pod"]> => {
    const conditions = [aCondition("Ready", "False", { lastTransitionTime: readyUntil })];
    const pod = aPod({ ...{ phase: "Failed", reason: "Evicted", message: "The node was low on memory." }, conditions });
    return { ...pod, status: { ...pod.status, startTime: timeAgo(60) } };
  };

  it("says so even if the containers of an evicted pod were seen to stop before it was seen to be evicted", () => {
    const pod = forced(timeAgo(10));
    for (const seen of [{ pod }, { formerPod: pod }, { formerPod: pod, pod: successor }]) {
      expect(warning({ server: server({ status: stopped }), ...seen })).toContain(
        "its pod was evicted: The node was low",
      );
    }
  });

  it("does not say it again while the pod is still there, once somebody has seen it", () => {
    const metadata = { annotations: { [ANNOTATIONS.lossSeen]: timeAgo(5) } };
    expect(warning({ server: server({ status: stopped, metadata }), pod: forced(timeAgo(10)) })).toBeUndefined();
  });

  it("says nothing of an evicted pod that was never ready", () => {
    expect(warning({ server: server({ status: stopped }), pod: forced(timeAgo(60)) })).toBeUndefined();
  });

  it("says nothing yet of a pod that is to be evicted and runs on", () => {
    const conditions = [aCondition("DisruptionTarget", "True", { reason: "PreemptionByScheduler" })];
    expect(warning({ server: server({ status: stopped }), pod: aReadyPod({ conditions }) })).toBeUndefined();
  });

  it("says so in an Event, once, and again for another loss", () => {
    const first = decideStatus({ server: server(), pod: evicted });
    expect(first.events.map(({ reason }) => reason)).toContain("FilesLost");
    const told = decideStatus({ server: server({ status: first.status }), pod: evicted });
    expect(told.events).toEqual([]);
    const status = { ...RUNNING, ...first.status, state: "running", mainPod: { uid: "another" } } as const;
    const again = decideStatus({ server: server({ status }), pod: aPod({ ...evicted, metadata: { uid: "third" } }) });
    expect(again.events.map(({ reason }) => reason)).toContain("FilesLost");
  });

  const lost = { at: timeAgo(3600), podUid: "first", cause: "its pod was evicted" };
  const later: JupyterServerStatus = { state: "running", mainPod: { uid: UID }, filesLost: lost };

  it("goes on saying so while it runs again", () => {
    expect(warning({ server: server({ status: later }), pod: aReadyPod() })).toContain("its pod was evicted");
  });

  it.each([
    { how: "somebody has seen it", options: { metadata: { annotations: { [ANNOTATIONS.lossSeen]: lost.at } } } },
    { how: "it is hibernated", options: { jupyterServer: { hibernated: true } } },
    { how: "it is deleted", options: { metadata: { deletionTimestamp: timeAgo(1) } } },
  ])("ends saying so when $how", ({ options }) => {
    const { status } = decideStatus({ server: server({ status: later, ...options }), pod: aReadyPod() });
    expect(status.filesLost).toBeUndefined();
    expect(conditionOf(status, "StorageWarning")?.reason).not.toBe("FilesLost");
  });

  it("is not silenced by what somebody saw before, nor by what is no time", () => {
    for (const value of [timeAgo(7200), "yes"]) {
      const metadata = { annotations: { [ANNOTATIONS.lossSeen]: value } };
      expect(warning({ server: server({ status: later, metadata }), pod: aReadyPod() })).toBeDefined();
    }
  });

  it.each([
    { what: "was asked to restart", observed: { pod: ending() }, facts: { restarting: true } },
    { what: "is hibernated", observed: { server: server({ jupyterServer: { hibernated: true } }), pod: ending() } },
    {
      what: "never ran",
      observed: { server: server({ status: { state: "starting", mainPod: { uid: UID } } }), pod: evicted },
    },
    {
      what: "was asked to restart, and its pod is gone",
      observed: {
        server: server({ metadata: { annotations: { [ANNOTATIONS.restartedAt]: "now" } } }),
        formerPod: ending(),
      },
    },
    {
      what: "restarts by itself when its spec changes",
      observed: { server: server({ updatePolicy: "Restart" }), pod: ending() },
    },
    { what: "runs on", observed: { pod: aReadyPod() } },
    { what: "has all its files on a volume", observed: { server: server({ pvc: { enabled: true } }), pod: evicted } },
  ])("says nothing of a loss when it $what", ({ observed, facts }) => {
    expect(warning(observed, facts)).toBeUndefined();
  });

  it("names the directory where only that one is not on the volume", () => {
    const options = { pvc: { enabled: true }, jupyterServer: { rootDir: "/home/jovyan" } };
    expect(warning({ server: server(options), pod: evicted })).toContain("The files in /home/jovyan were lost at");
  });

  it("dates the loss by the moment in which it is seen", () => {
    const { status } = decideStatus({ server: server(), pod: evicted });
    expect(status.filesLost).toMatchObject({ at: NOW.toISOString().replace(".000", ""), podUid: UID });
  });
});
