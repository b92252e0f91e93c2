import { ApiError, type Kind, type KubeClient, type Live, type WriteBody } from "@amalthea/kube";
import { FakeClock } from "@amalthea/kube/testing";
import { describe, expect, it } from "vitest";
import { addressOf, type Action } from "../decide/decision.ts";
import { findKind } from "../kinds.ts";
import type { ActionResult } from "./action-result.ts";
import { ApplyHistory } from "./apply-history.ts";
import { applyPlan } from "./apply-plan.ts";
import type { ApplyDeps } from "./perform-action.ts";

function applyOf(childKey: string, apiVersion: string, kind: string, spec?: object): Action {
  const metadata = { name: "alice", namespace: "sessions", labels: {} };
  const manifest = { apiVersion, kind, metadata, spec };
  const head = { childKey, target: addressOf(manifest), desiredHash: "hash", because: "it is missing" };
  return { kind: "Apply", ...head, manifest, create: true };
}

const PLAN: readonly Action[] = [
  applyOf("service", "v1", "Service"),
  applyOf("ingress", "networking.k8s.io/v1", "Ingress"),
  applyOf("statefulset", "apps/v1", "StatefulSet"),
];

const JOB = { apiVersion: "batch/v1", kind: "Job", plural: "jobs", namespaced: true };

/** Carries a plan out with a client that has no other calls than these. */
async function carryOutWith(
  client: object,
  plan: readonly Action[],
  deps: Partial<ApplyDeps> = {},
): Promise<readonly ActionResult[]> {
  const all: ApplyDeps = {
    client: client as KubeClient,
    clock: new FakeClock(),
    findKind: (name) => findKind(name, [JOB]),
    liveVersion: () => undefined,
    history: new ApplyHistory(),
    record: () => {},
    ...deps,
  };
  return await applyPlan(plan, { secretExpected: false }, all, new AbortController().signal);
}

/** Carries the plan out against an API server that accepts everything but what `answer` says. */
async function carryOut(
  answer: (kind: string) => ApiError | undefined,
  plan: readonly Action[] = PLAN,
): Promise<readonly ActionResult[]> {
  const apply = async (kind: Kind, manifest: WriteBody): Promise<Live> => {
    const error = answer(kind.kind);
    if (error !== undefined) throw error;
    const made = { uid: `uid-of-${kind.kind}`, resourceVersion: "2", creationTimestamp: "2026-03-01T12:00:00Z" };
    return { ...manifest, metadata: { name: "alice", ...made } };
  };
  return await carryOutWith({ apply }, plan);
}

const outcomes = (results: readonly ActionResult[]): string[] =>
  results.map((result) => (result.kind === "Skipped" ? `Skipped ${result.because}` : result.kind));

describe("applyPlan", () => {
  it.each([
    { trouble: "an admission webhook that does not answer", code: 500, detail: "failed calling webhook" },
    {
      trouble: "a kind whose CRD is gone",
      code: 404,
      detail: "the server could not find the requested resource",
    },
    { trouble: "a quota", code: 403, detail: "exceeded quota" },
  ])("makes the other children in spite of $trouble", async ({ code, detail }) => {
    const refused = new ApiError("apply Ingress sessions/alice", { code, detail });
    const results = await carryOut((kind) => (kind === "Ingress" ? refused : undefined));
    expect(outcomes(results)).toEqual(["Written", "Refused", "Written"]);
    expect(results[1]).toMatchObject({ failure: { childKey: "ingress", code, message: detail } });
  });

  it.each(["StatefulSet", "Job"])("makes no %s whose pods would use what is refused", async (kind) => {
    const template = { spec: { containers: [{ name: "a", image: "i" }] } };
    const plan = [
      applyOf("notes", "v1", "ConfigMap"),
      applyOf("more", kind === "Job" ? "batch/v1" : "apps/v1", kind, { template }),
      applyOf("service", "v1", "Service"),
    ];
    const refused = new ApiError("apply ConfigMap sessions/alice", { code: 403, detail: "taken" });
    const results = await carryOut((one) => (one === "ConfigMap" ? refused : undefined), plan);
    expect(outcomes(results)).toEqual(["Refused", "Skipped AfterFailure", "Written"]);
  });

  it("leaves an API server that is in trouble itself to the queue", async () => {
    const unavailable = new ApiError("apply Ingress sessions/alice", { code: 503 });
    await expect(carryOut((kind) => (kind === "Ingress" ? unavailable : undefined))).rejects.toBe(unavailable);
  });

  it("stops at the first child that a namespace does not take because it is being deleted", async () => {
    const terminating = new ApiError("apply Service sessions/alice", {
      code: 403,
      reason: "Forbidden",
      causes: [{ reason: "NamespaceTerminating", field: "metadata.namespace" }],
    });
    expect(outcomes(await carryOut(() => terminating))).toEqual(["Skipped NamespaceTerminating"]);
  });

  it.each([
    {
      answer: "an older Kubernetes does not have the resource",
      detail: "the server could not find the requested resource",
      result: "Refused",
    },
    { answer: "the pod is gone", detail: 'pods "alice-0" not found', result: "thrown" },
  ])("a resize is $result when $answer", async ({ detail, result }) => {
    const error = new ApiError("patch Pod sessions/alice-0", { code: 404, reason: "NotFound", detail });
    const patch = async (): Promise<never> => {
      throw error;
    };
    const target = { apiVersion: "v1", kind: "Pod", namespace: "sessions", name: "alice-0", uid: "u" };
    const head = { childKey: "pod", target, desiredHash: "hash", because: "resources changed" };
    const resize: Action = { kind: "Resize", ...head, container: "jupyter-server", resources: {} };
    const applied = carryOutWith({ patch }, [resize]);
    if (result === "thrown") return await expect(applied).rejects.toBe(error);
    expect(await applied).toMatchObject([
      { kind: "Refused", failure: { code: 404, message: expect.stringContaining("1.33 and newer can") } },
    ]);
  });

  describe("what is to be replaced", () => {
    const remove = (childKey: string, kind: string, apiVersion: string): Action => {
      const made = applyOf(childKey, apiVersion, kind);
      const { manifest } = made as Extract<Action, { kind: "Apply" }>;
      const target = { ...made.target, uid: `old-${kind}` };
      const replacement = { manifest, dryRun: kind === "StatefulSet" ? "Beside" : "Over" } as const;
      return { kind: "Remove", childKey, target, desiredHash: "hash", because: "0.24 made it", replacement };
    };
    const plan = [remove("service", "Service", "v1"), remove("statefulset", "StatefulSet", "apps/v1")];

    async function replace(answer: (kind: string) => ApiError | undefined): Promise<readonly string[]> {
      const calls: string[] = [];
      const apply = async (kind: Kind, manifest: WriteBody, { dryRun }: { dryRun?: boolean }): Promise<object> => {
        calls.push(`${dryRun === true ? "try" : "apply"} ${kind.kind} ${manifest.metadata?.name ?? ""}`);
        const error = answer(kind.kind);
        if (error !== undefined) throw error;
        return {};
      };
      const client = { apply, remove: async (kind: Kind) => void calls.push(`remove ${kind.kind}`) };
      await carryOutWith(client, plan);
      return calls;
    }

    const TRIALS = ["try Service alice", "try StatefulSet alice-dry-run"];

    it("goes after a dry run of all that takes its place", async () => {
      expect(await replace(() => undefined)).toEqual([...TRIALS, "remove Service", "remove StatefulSet"]);
    });

    it("stays, all of it, if one of the new ones is refused", async () => {
      const invalid = new ApiError("apply StatefulSet", { code: 422, detail: "no" });
      expect(await replace((kind) => (kind === "StatefulSet" ? invalid : undefined))).toEqual(TRIALS);
    });

    it("goes if a quota only has no room for old and new at once", async () => {
      const full = new ApiError("apply StatefulSet", { code: 403, detail: "exceeded quota: count/statefulsets.apps" });
      expect(await replace((kind) => (kind === "StatefulSet" ? full : undefined))).toContain("remove StatefulSet");
    });
  });

  it("enforces no limit while our clock is ahead, and tries again", async () => {
    const target = { apiVersion: "amalthea.dev/v1alpha1", kind: "JupyterServer", namespace: "a", name: "b", uid: "c" };
    const head = { childKey: "culling", target, desiredHash: "", because: "", note: "", annotations: {} };
    const times = { at: new Date(), warnAt: new Date() };
    const cull = { reason: "Hibernated", kind: "Delete", setBy: "Server", ...times } as const;
    const plan = [{ kind: "Cull", ...head, resourceVersion: "1", cull, isClockAhead: true }] as const;
    const noCall = {};
    expect(await carryOutWith(noCall, plan)).toMatchObject([
      { kind: "Skipped", because: "ClockAhead", retryAfterMs: 10_000 },
    ]);
  });
});
