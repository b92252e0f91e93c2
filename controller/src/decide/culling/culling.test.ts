import type { Culling, JupyterServerStatus } from "@amalthea/api";
import { describe, expect, it } from "vitest";
import { decide } from "../decide.ts";
import type { Decision } from "../decision.ts";
import type { Observed } from "../live/observed.ts";
import {
  aChild,
  aCondition,
  anObserved,
  aPod,
  aReadyPod,
  aServer,
  NOW,
  someSettings,
  timeAgo,
  type ServerOptions,
} from "../testing/builders.ts";
import { running } from "../testing/simulated-world.ts";
import { conditionOf } from "../testing/status.ts";
import { DEFAULT_CULLING, type CullingSettings } from "./culling-settings.ts";

const EVERY_LIMIT: Culling = {
  idleSecondsThreshold: 60,
  maxAgeSecondsThreshold: 60,
  startingSecondsThreshold: 60,
  failedSecondsThreshold: 60,
  hibernatedSecondsThreshold: 60,
};

type Situation = {
  readonly culling?: Partial<Culling>;
  readonly status?: JupyterServerStatus;
  readonly settings?: Partial<CullingSettings>;
  readonly server?: ServerOptions;
  readonly seen?: Partial<Observed>;
};

/** What is decided about a server with a volume and no pod, whose image cannot be pulled if it failed. */
function decided({ culling, status, settings, server, seen }: Situation): Decision {
  const options = {
    culling: culling ?? {},
    pvc: { enabled: true },
    ...server,
    ...(status === undefined ? {} : { status }),
  };
  const observed = anObserved({ server: aServer(options), ...seen });
  return decide(observed, someSettings({ culling: { ...DEFAULT_CULLING, ...settings } }), NOW);
}

/** What is done, and because of which limit. */
function culled({ plan }: Decision): readonly string[] {
  return plan.flatMap((action) => (action.kind === "Cull" ? [`${action.cull.kind} ${action.cull.reason}`] : []));
}

/** A claim; whether Kubernetes chose its volume. */
function aClaim(spec: Readonly<Record<string, unknown>>, isChosen = false): Observed["children"][number] {
  const claim = aChild("pvc", "PersistentVolumeClaim", { spec });
  const annotations = { "pv.kubernetes.io/bound-by-controller": "yes" };
  return isChosen ? { ...claim, metadata: { ...claim.metadata, annotations } } : claim;
}

const starting: JupyterServerStatus = { state: "starting", startingSince: timeAgo(100), neverReady: true };
const failed: JupyterServerStatus = { state: "failed", failedSince: timeAgo(100), neverReady: true };
/** Two hours of 0.24: the time of each state that the server ever had is still there. */
const everySince: JupyterServerStatus = { startingSince: timeAgo(7200), failedSince: timeAgo(7200) };
const brokenPod = aReadyPod({ phase: "Failed", conditions: [] });

describe("a server that starts for too long", () => {
  it("is deleted if it was never ready", () => {
    expect(culled(decided({ culling: EVERY_LIMIT, status: { ...starting, startedAt: timeAgo(10) } }))).toEqual([
      "Delete Starting",
    ]);
  });

  it.each([
    ["volumeName", { server: { pvc: { enabled: true, volumeName: "data" } } }],
    ["selector", { server: { pvc: { enabled: true, selector: { matchLabels: { data: "x" } } } } }],
    ["a claim that named its volume", { seen: { children: [aClaim({ volumeName: "data" })] } }],
    ["a claim that selected its volume", { seen: { children: [aClaim({ selector: {}, volumeName: "data" }, true)] } }],
  ])("is hibernated if it was given a volume that was there before, by %s", (_how, situation) => {
    expect(
      culled(decided({ culling: EVERY_LIMIT, status: { ...starting, startedAt: timeAgo(10) }, ...situation })),
    ).toEqual(["Hibernate Starting"]);
  });

  it("is deleted if Kubernetes chose its volume", () => {
    const seen = { children: [aClaim({ volumeName: "pv" }, true)] };
    expect(culled(decided({ culling: EVERY_LIMIT, status: starting, seen }))).toEqual(["Delete Starting"]);
  });

  it("is hibernated if it was ready once, or if that is not known: it may have files", () => {
    const { neverReady: _, ...unknown } = { ...starting, startedAt: timeAgo(10) };
    expect(culled(decided({ culling: EVERY_LIMIT, status: unknown }))).toEqual(["Hibernate Starting"]);
  });

  it.each(["running", "hibernated"] as const)("is not one that is %s and was starting once", (state) => {
    const culling = { startingSecondsThreshold: 60, failedSecondsThreshold: 60 };
    const world = running({ culling, pvc: { enabled: true }, jupyterServer: { hibernated: state === "hibernated" } });
    const server = { ...world.server, status: { ...everySince, state } };
    expect(culled(decide({ ...world, server }, someSettings(), NOW))).toEqual([]);
  });

  it("is kept in the moment in which its pod becomes ready", () => {
    const culling = { startingSecondsThreshold: 60 };
    const world = running({ culling, pvc: { enabled: true }, status: starting });
    const decision = decide(world, someSettings(), NOW);
    expect(decision.status.state).toBe("running");
    expect(culled(decision)).toEqual([]);
  });

  it("is kept until the limit, and the controller wakes up then", () => {
    const decision = decided({ culling: { startingSecondsThreshold: 130 }, status: starting });
    expect(decision.status).toMatchObject({ willBeDeletedAt: timeAgo(-30), cullingReason: "Starting" });
    expect(culled(decision)).toEqual([]);
    expect(decision.outcome).toEqual({ kind: "CheckAgain", afterSeconds: 30 });
  });
});

describe("a server whose node is lost, or that does not answer for a while", () => {
  const culling = { startingSecondsThreshold: 60 };
  const mainPod = { uid: aReadyPod().metadata.uid, status: { ...aReadyPod().status } };
  const status = { state: "starting" as const, startingSince: timeAgo(960), startedAt: timeAgo(9000), mainPod };
  const world = running({ culling, pvc: { enabled: true }, status });

  it.each(["Unknown", "False"])("does not start: it is kept while its pod's readiness is %s", (ready) => {
    const conditions = [aCondition("Ready", ready, { lastTransitionTime: timeAgo(10) })];
    const pod = { ...world.pod!, status: { ...aPod({ conditions }).status, startTime: timeAgo(9000) } };
    const decision = decide({ ...world, pod }, someSettings(), NOW);
    expect(decision.status.state).toBe("starting");
    expect(culled(decision)).toEqual([]);
  });

  it("starts anew once that pod is replaced", () => {
    const next = aPod({ metadata: { uid: "another" } });
    for (const pod of [undefined, next]) {
      const decision = decide({ ...world, pod }, someSettings(), NOW);
      expect(culled(decision)).toEqual([]);
      expect(decision.status.willHibernateAt).toBe(timeAgo(-60));
    }
  });
});

describe("a server that has failed for too long", () => {
  it("is deleted if it was never ready, and hibernated otherwise", () => {
    const seen = { pod: brokenPod };
    expect(culled(decided({ culling: EVERY_LIMIT, status: { ...failed, startedAt: timeAgo(10) }, seen }))).toEqual([
      "Delete Failed",
    ]);
    const ran = { ...failed, startedAt: timeAgo(10), neverReady: false };
    expect(culled(decided({ culling: EVERY_LIMIT, status: ran, seen }))).toEqual(["Hibernate Failed"]);
  });

  it("counts from the present failure", () => {
    const running = { ...everySince, state: "running" as const };
    const decision = decided({
      culling: EVERY_LIMIT,
      status: { ...running, startedAt: timeAgo(10) },
      seen: { pod: brokenPod },
    });
    expect(decision.status).toMatchObject({ state: "failed" });
    expect(culled(decision)).toEqual([]);
  });
});

describe("a server that is new", () => {
  it("is remembered as never ready until it is ready", () => {
    expect(decided({}).status.neverReady).toBe(true);
    expect(decide(running(), someSettings(), NOW).status.neverReady).toBeUndefined();
  });

  it("is one whose claim was just created for it", () => {
    expect(decided({ seen: { children: [aClaim({})] } }).status.neverReady).toBe(true);
  });
});

describe("a server that was restored without its status", () => {
  const taken = { childKey: "pvc", kind: "PersistentVolumeClaim", code: 409, message: "exists", desiredHash: "a" };

  it("is not new if there is a claim of its own that somebody else created, in the same second or not", () => {
    const seen = { children: [aClaim({})], isClaimNew: false };
    expect(decided({ seen }).status.neverReady).toBeUndefined();
  });

  it("is not new if a claim that belongs to nobody has its name, and is hibernated for failing", () => {
    const seen = { failures: [taken], pod: brokenPod };
    const { status } = decided({ status: failed, seen });
    expect(status.neverReady).toBeUndefined();
    const still = { ...failed, startedAt: timeAgo(10) };
    expect(culled(decided({ culling: EVERY_LIMIT, status: still, seen }))).toEqual(["Hibernate Failed"]);
  });

  it("is new if the claim in its way is that of an earlier server, which is being deleted", () => {
    const seen = { failures: [{ ...taken, isHeldByEarlier: true }] };
    expect(decided({ seen }).status.neverReady).toBe(true);
  });
});

describe("a hibernated server", () => {
  const status = { state: "hibernated" as const, hibernatedSince: timeAgo(100) };
  const server = {
    jupyterServer: { hibernated: true },
    metadata: { annotations: { "renku.io/hibernationDate": timeAgo(100) } },
  };

  it("is deleted after the limit, and only this version of it", () => {
    const decision = decided({ culling: EVERY_LIMIT, status, server });
    expect(decision.plan).toMatchObject([
      { kind: "Cull", resourceVersion: "1", cull: { kind: "Delete", reason: "Hibernated" } },
    ]);
  });

  it("counts from its present hibernation, whatever date an earlier one left", () => {
    const before = { state: "running" as const, startedAt: timeAgo(50) };
    const decision = decided({ culling: EVERY_LIMIT, status: before, server });
    expect(decision.status).toMatchObject({
      state: "hibernated",
      hibernatedSince: NOW.toISOString().replace(".000Z", "+00:00"),
    });
    expect(culled(decision)).toEqual([]);
  });

  it("counts from its creation if it was restored from a backup that is older than the limit", () => {
    const annotations = { "renku.io/hibernationDate": timeAgo(90_000) };
    const metadata = { annotations, creationTimestamp: timeAgo(10) };
    const restored = { jupyterServer: { hibernated: true }, metadata };
    expect(culled(decided({ culling: EVERY_LIMIT, server: restored }))).toEqual([]);
    const older = { ...restored, metadata: { annotations, creationTimestamp: timeAgo(100_000) } };
    expect(culled(decided({ culling: EVERY_LIMIT, server: older }))).toEqual(["Delete Hibernated"]);
  });

  it("keeps a volume that is to be retained: that is released first", () => {
    const pvc = { enabled: true, retentionPolicy: "Retain" as const };
    const owned = aChild("pvc", "PersistentVolumeClaim", { spec: { volumeName: "pv" } });
    const ownerReferences = [
      { apiVersion: "v1", kind: "JupyterServer", name: "alice", uid: aServer().metadata.uid, controller: true },
    ];
    const claim = { ...owned, metadata: { ...owned.metadata, ownerReferences } };
    const decision = decided({ culling: EVERY_LIMIT, status, server: { ...server, pvc }, seen: { children: [claim] } });
    expect(culled(decision)).toEqual([]);
    expect(decision.plan).toContainEqual(
      expect.objectContaining({
        kind: "PatchMetadata",
        target: expect.objectContaining({ kind: "PersistentVolumeClaim" }),
      }),
    );
  });
});

describe("a warning of a deletion", () => {
  const hibernated: JupyterServerStatus = { state: "hibernated", hibernatedSince: timeAgo(1000) };
  const warned = (situation: Situation): readonly string[] => {
    const { status, events } = decided({ ...situation, settings: { warnSeconds: 60 } });
    const { message = "" } = conditionOf(status, "DeletionPending") ?? {};
    expect(conditionOf(status, "HibernationPending")).toBeUndefined();
    return [message, ...events.filter(({ reason }) => reason === "DeletionNear").map(({ type }) => type)];
  };

  it.each([
    ["Hibernated", { hibernatedSecondsThreshold: 1060 }, hibernated, true],
    ["Starting", { startingSecondsThreshold: 130 }, starting, false],
    ["Failed", { failedSecondsThreshold: 130 }, failed, false],
  ] as const)("is given so long before the limit %s, by a condition and an Event", (limit, culling, status, asleep) => {
    const server = { jupyterServer: { hibernated: asleep } };
    const told = warned({ culling, status, server, ...(limit === "Failed" ? { seen: { pod: brokenPod } } : {}) });
    expect(told).toEqual([expect.stringContaining(`when its limit ${limit} is reached`), "Warning"]);
  });

  it.each([
    { maximum: 1060, remedy: "An administrator has set it as a maximum" },
    { maximum: 0, remedy: "Set spec.culling.keepAliveUntil" },
  ])("names a remedy that helps: with a maximum of $maximum s", ({ maximum, remedy }) => {
    const culling = { hibernatedSecondsThreshold: 1060 };
    const maximums = { ...DEFAULT_CULLING.maximums, Hibernated: maximum };
    const settings = { warnSeconds: 60, maximums };
    const { status } = decided({
      culling,
      status: hibernated,
      server: { jupyterServer: { hibernated: true } },
      settings,
    });
    expect(conditionOf(status, "DeletionPending")?.message).toContain(remedy);
  });

  it("is not given before, and the controller wakes up for it", () => {
    const culling = { hibernatedSecondsThreshold: 1070 };
    const situation = { culling, status: hibernated, server: { jupyterServer: { hibernated: true } } };
    expect(warned(situation)).toEqual([""]);
    const { outcome } = decided({ ...situation, settings: { warnSeconds: 60 } });
    expect(outcome).toEqual({ kind: "CheckAgain", afterSeconds: 10 });
  });
});

describe("a server without a volume", () => {
  const world = running({ culling: { maxAgeSecondsThreshold: 60, idleSecondsThreshold: 60 } });
  const old = { ...world, server: { ...world.server, status: { state: "running" as const, startedAt: timeAgo(100) } } };

  it("is never hibernated by a limit, and says so", () => {
    const decision = decide(old, someSettings(), NOW);
    expect(culled(decision)).toEqual([]);
    expect(conditionOf(decision.status, "CullingPrevented")).toMatchObject({
      status: "True",
      reason: "NoVolumeToKeep",
    });
    expect(decision.status.willHibernateAt).toBeUndefined();
  });

  it("stays one while its pod is, whatever its spec says since", () => {
    const server = aServer({
      pvc: { enabled: true },
      culling: { maxAgeSecondsThreshold: 60 },
      status: old.server.status!,
    });
    for (const world of [old, { ...old, pod: undefined }]) {
      const decision = decide({ ...world, server }, someSettings(), NOW);
      expect(culled(decision)).toEqual([]);
      expect(conditionOf(decision.status, "CullingPrevented")?.message).toContain(
        "All files of the server would be lost",
      );
    }
  });

  it("is also one whose files are beside its volume", () => {
    const options = { pvc: { enabled: true }, culling: { maxAgeSecondsThreshold: 60 }, status: old.server.status! };
    const beside = running({ ...options, jupyterServer: { rootDir: "/home/jovyan/$HOME" } });
    const decision = decide({ ...beside, server: aServer(options) }, someSettings(), NOW);
    expect(culled(decision)).toEqual([]);
    expect(conditionOf(decision.status, "CullingPrevented")?.message).toContain(
      "The files in /home/jovyan/$HOME would",
    );
  });

  it("is not one whose files are on another volume of its pod", () => {
    const jupyterServer = {
      rootDir: "/data/work",
      extraVolumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }],
      extraVolumeMounts: [{ name: "data", mountPath: "/data" }],
    };
    const culling = { maxAgeSecondsThreshold: 60 };
    const world = running({ pvc: { enabled: true }, culling, jupyterServer, status: old.server.status! });
    expect(culled(decide(world, someSettings(), NOW))).toEqual(["Hibernate MaximumAge"]);
  });

  it("is hibernated where the administrator allows the loss", () => {
    const culling = { ...DEFAULT_CULLING, hibernateWithoutVolume: true };
    expect(culled(decide(old, someSettings({ culling }), NOW))).toEqual(["Hibernate MaximumAge"]);
  });
});

describe("a server whose field is applied by a tool", () => {
  it("is left to it, and names it", () => {
    const world = running({ culling: { maxAgeSecondsThreshold: 60 }, pvc: { enabled: true } });
    const server = { ...world.server, status: { state: "running" as const, startedAt: timeAgo(100) } };
    const decision = decide({ ...world, server, hibernatedAppliedBy: "flux" }, someSettings(), NOW);
    expect(culled(decision)).toEqual([]);
    expect(conditionOf(decision.status, "CullingPrevented")).toMatchObject({ reason: "HibernatedIsApplied" });
    expect(conditionOf(decision.status, "CullingPrevented")?.message).toContain("flux");
  });

  it("does not exceed an administrator's maximum, whatever limit of its own is not enforced", () => {
    const world = running({ culling: { maxAgeSecondsThreshold: 60 }, pvc: { enabled: true } });
    const maximums = { ...DEFAULT_CULLING.maximums, MaximumAge: 90 };
    const decideAt = (age: number): Decision => {
      const server = { ...world.server, status: { state: "running" as const, startedAt: timeAgo(age) } };
      const settings = someSettings({ culling: { ...DEFAULT_CULLING, maximums } });
      return decide({ ...world, server, hibernatedAppliedBy: "flux" }, settings, NOW);
    };
    expect(culled(decideAt(80))).toEqual([]);
    expect(conditionOf(decideAt(80).status, "CullingPrevented")?.message).toContain("flux");
    expect(decideAt(80).outcome).toEqual({ kind: "CheckAgain", afterSeconds: 10 });
    expect(culled(decideAt(91))).toEqual(["Hibernate MaximumAge"]);
  });
});

describe("a keepAliveUntil that is no time", () => {
  const defaults = { ...DEFAULT_CULLING.defaults, Starting: 60 };

  it.each([
    ["its own limits", { culling: EVERY_LIMIT }],
    ["the administrator's default", { settings: { defaults } }],
  ])("keeps the server from %s, and it says so", (_whose, { culling, settings }: Situation) => {
    const kept = { ...culling, keepAliveUntil: "tomorrow" };
    const decision = decided({ culling: kept, status: starting, ...(settings === undefined ? {} : { settings }) });
    expect(culled(decision)).toEqual([]);
    expect(conditionOf(decision.status, "CullingPrevented")).toMatchObject({ reason: "KeepAliveUnreadable" });
  });
});

describe("limits that are not enforced", () => {
  it("are shown all the same", () => {
    const decision = decided({ culling: EVERY_LIMIT, status: starting, settings: { enforced: false } });
    expect(culled(decision)).toEqual([]);
    expect(decision.status.cullingReason).toBe("Starting");
  });
});

describe("a refusal of the API server", () => {
  it("keeps neither the rest of the plan nor a later attempt from being made", () => {
    const failure = {
      childKey: "culling",
      kind: "JupyterServer",
      code: 403,
      message: "no",
      desiredHash: "Delete Starting",
    };
    const situation = { culling: EVERY_LIMIT, status: { ...starting, startedAt: timeAgo(10) } };
    const refused = decided({ ...situation, seen: { failures: [failure] } });
    expect(culled(refused)).toEqual([]);
    expect(refused.plan.length).toBeGreaterThan(1);
    expect(culled(decided({ ...situation, seen: { failures: [{ ...failure, mayRetry: true }] } }))).toEqual([
      "Delete Starting",
    ]);
  });
});

describe("a limit that only seems to be reached, because the clock of the controller is ahead", () => {
  it.each<[string, Situation]>([
    ["maximum age", { culling: { maxAgeSecondsThreshold: 60 }, status: { ...starting, startedAt: timeAgo(100) } }],
    ["failed", { culling: { failedSecondsThreshold: 60 }, status: failed, seen: { pod: brokenPod } }],
    [
      "hibernated",
      {
        culling: { hibernatedSecondsThreshold: 60 },
        status: { state: "hibernated" as const, hibernatedSince: timeAgo(100) },
        server: { jupyterServer: { hibernated: true } },
      },
    ],
  ])("leaves all other writes to the server, and the cull is told of and not carried out: %s", (_which, situation) => {
    const reached = decided(situation);
    expect(reached.plan).toMatchObject([{ kind: "Cull", isClockAhead: false }]);
    const ahead = decided({ ...situation, seen: { ...situation.seen, isClockAhead: true } });
    const others = decided({ ...situation, settings: { enforced: false } }).plan;
    expect(others.length).toBeGreaterThan(0);
    expect(ahead.plan).toEqual([...others, { ...reached.plan[0], isClockAhead: true }]);
  });
});

describe("a server of 0.24 that has run for longer than its limit", () => {
  it("counts from the start of its pod, and is not idle because nothing is known of it", () => {
    const world = running({ culling: { idleSecondsThreshold: 5, maxAgeSecondsThreshold: 61 }, pvc: { enabled: true } });
    const server = { ...world.server, status: { ...everySince, state: "running" as const } };
    const decision = decide({ ...world, server }, someSettings(), NOW);
    expect(culled(decision)).toEqual([]);
    expect(decision.status.startedAt).toBe(timeAgo(60).replace("Z", "+00:00"));
  });
});

describe("a heartbeat", () => {
  const idle = (date: string): Decision => {
    const world = running({ culling: { idleSecondsThreshold: 60 }, pvc: { enabled: true } });
    const metadata = { ...world.server.metadata, annotations: { "renku.io/lastActivityDate": date } };
    const conditions = [
      { type: "Ready", status: "True" as const, reason: "PodReady", message: "", lastTransitionTime: timeAgo(100) },
    ];
    const server = {
      ...world.server,
      metadata,
      status: { state: "running" as const, conditions, startedAt: timeAgo(100) },
    };
    return decide({ ...world, server }, someSettings(), NOW);
  };

  it("counts as activity", () => expect(idle(timeAgo(20)).status.willHibernateAt).toBe(timeAgo(-40)));

  it.each(["", "soon", timeAgo(-90_000)])("of %j does not", (date) => {
    expect(idle(date).status.willHibernateAt).toBe(timeAgo(40));
  });
});
