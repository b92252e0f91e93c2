import { REASONS, type JupyterServerStatus, type Reason } from "@amalthea/api";
import fc from "fast-check";
import type { ContainerStatus } from "kubernetes-types/core/v1.js";
import { describe, expect, it } from "vitest";
import type { Observed, ObservedEvent, ObservedFailure } from "../live/observed.ts";
import type { PlanFacts, Problem, Warning } from "../facts.ts";
import { applyMergePatch } from "../testing/apply-merge-patch.ts";
import { isObject } from "../values/json.ts";
import { mergePatchBetween } from "../values/merge-patch.ts";
import { statusOf } from "./status.ts";
import {
  aChild,
  aCondition,
  aContainer,
  ago,
  anObserved,
  aPod,
  aReadyPod,
  aServer,
  NOW,
  someFacts,
  someSettings,
  timeAgo,
} from "../testing/builders.ts";

const some = fc.constantFrom;
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });

const containers: fc.Arbitrary<ContainerStatus> = fc
  .record({
    name: some("jupyter-server", "oauth2-proxy", "authorization", "prepare"),
    ready: fc.boolean(),
    restartCount: fc.nat(6),
    state: fc.oneof(
      fc.record({
        waiting: fc.record({
          reason: some(
            "ContainerCreating",
            "ImagePullBackOff",
            "CrashLoopBackOff",
            "CreateContainerConfigError",
            "RunContainerError",
          ),
          message: some(
            "",
            'secret "a" not found',
            "x: not found",
            'Back-off pulling image "a"',
            "failed to sync secret cache",
          ),
        }),
      }),
      fc.record({ running: fc.record({ startedAt: some(timeAgo(5), timeAgo(900)) }) }),
      fc.record({ terminated: fc.record({ exitCode: fc.nat(2), reason: some("Error", "OOMKilled", "StartError") }) }),
    ),
    lastState: fc.record({
      terminated: fc.record({
        exitCode: fc.nat(2),
        startedAt: some(timeAgo(9), timeAgo(9e5)),
        finishedAt: some(timeAgo(8)),
      }),
    }),
  })
  .map(aContainer);

const pods: fc.Arbitrary<Observed["pod"]> = fc.oneof(
  some(undefined, aReadyPod(), aReadyPod({ metadata: { deletionTimestamp: timeAgo(3) } })),
  fc
    .record({
      containers: fc.uniqueArray(containers, { selector: ({ name }) => name, maxLength: 3 }),
      phase: some("Pending", "Running", "Failed", "Unknown"),
      conditions: fc.uniqueArray(
        some(
          aCondition("PodScheduled", "False", { message: "0/1 nodes" }),
          aCondition("Ready", "Unknown"),
          aCondition("PodResizePending", "True", { reason: "Deferred" }),
          aCondition("PodResizeInProgress", "True"),
        ),
        { selector: ({ type }) => type },
      ),
    })
    .map(aPod),
);

const events: fc.Arbitrary<readonly ObservedEvent[]> = fc.array(
  fc.record({
    regardingKind: some("StatefulSet", "Pod", "PersistentVolumeClaim"),
    regardingName: some("alice", "alice-0"),
    reason: some("FailedCreate", "SuccessfulCreate", "FailedMount", "TriggeredScaleUp", "ProvisioningFailed"),
    message: some(
      "exceeded quota: q",
      'pods "a" is forbidden: no',
      'secret "x" not found',
      'storageclass.storage.k8s.io "c" not found',
      "?",
    ),
    lastSeen: some(ago(5), ago(5), ago(30), ago(3000)),
  }),
  { maxLength: 5 },
);

const failures: fc.Arbitrary<readonly ObservedFailure[]> = fc.uniqueArray(
  fc.record({
    childKey: some("service", "ingress", "secret"),
    kind: some("Service", "Secret"),
    code: some(400, 403, 404, 409, 422, 500),
    message: some("exceeded quota: q", "no"),
    desiredHash: some(""),
  }),
  { selector: ({ childKey }) => childKey },
);

const children = fc.shuffledSubarray([
  aChild("service", "Service"),
  aChild("service", "Service", { metadata: { ...aChild("service", "Service").metadata, uid: "later" } }),
  aChild("statefulset", "StatefulSet", { status: { replicas: 1, gone: null } }),
  aChild("pvc", "PersistentVolumeClaim", { status: { phase: "Pending" } }),
]);

const problems: fc.Arbitrary<readonly Problem[]> = fc.subarray<Problem>([
  { kind: "InvalidSpec", field: "routing.host", message: "missing" },
  { kind: "PatchFailed", patchIndex: 0, path: "", reason: "r" },
  { kind: "ChildKindRefused", childKey: "job", apiVersion: "batch/v1", childKind: "Job" },
  { kind: "ChildInvalid", childKey: "service", reason: "r" },
  { kind: "ClaimShrinkRefused", from: "2Gi", to: "1Gi" },
  { kind: "ClaimChangeRefused", field: "f", from: "a", to: "b" },
  { kind: "RouteTaken", holder: "a/b", keptUrl: undefined },
  { kind: "PredecessorRunning" },
]);

const warnings: fc.Arbitrary<readonly Warning[]> = fc.subarray<Warning>([
  { kind: "OpenServer" },
  { kind: "NobodyAuthorized" },
  { kind: "HibernatedWithoutVolume" },
]);

const facts: fc.Arbitrary<PlanFacts> = fc
  .record({
    problems,
    warnings,
    route: some(someFacts().route, undefined),
    desiredRouteSettled: fc.boolean(),
    pendingFields: some([], ["jupyterServer.image"]),
    resize: some({ kind: "None" } as const, { kind: "Requested", container: "jupyter-server" } as const),
    legacyLayout: fc.boolean(),
    restarting: fc.boolean(),
  })
  .map(someFacts);

const previous: fc.Arbitrary<JupyterServerStatus | undefined> = maybe(
  fc.record(
    {
      state: some("starting", "running", "failed", "hibernated", "stopping"),
      startingSince: some(timeAgo(20).replace("Z", "+00:00")),
      mainPod: some({}, { uid: "1" }),
      children: some({}, { secret: { uid: "s", name: "alice", kind: "Secret", apiVersion: "v1", status: null } }),
      conditions: fc
        .constantFrom("PodReady", "Resuming", "NotReady", "Restarting", "ImageNotFound")
        .map((reason) => [
          { type: "Ready", status: "False" as const, reason, message: "", lastTransitionTime: timeAgo(9) },
        ]),
    },
    { requiredKeys: [] },
  ),
);

const observations: fc.Arbitrary<Observed> = fc
  .record({
    pod: pods,
    events,
    failures,
    children,
    status: previous,
    hibernated: fc.boolean(),
    deleted: some(false, false, true),
  })
  .map(({ status, hibernated, deleted, ...seen }) => {
    const metadata = deleted ? { deletionTimestamp: timeAgo(1) } : {};
    const options = { metadata, jupyterServer: { hibernated } };
    return anObserved({ ...seen, server: aServer(status === undefined ? options : { ...options, status }) });
  });

const later = (seconds: number): Date => new Date(NOW.getTime() + seconds * 1000);
const after = (observed: Observed, status: JupyterServerStatus): Observed => ({
  ...observed,
  server: { ...observed.server, status },
});

/** The status as the API server stores it once it was written. */
const written = (previous: JupyterServerStatus | undefined, status: JupyterServerStatus): JupyterServerStatus => {
  const before = { ...previous };
  return applyMergePatch(before, mergePatchBetween(before, { ...status }) ?? {}) as JupyterServerStatus;
};

/** What 0.24 left in every object, or somebody put there: nulls and empty objects beside what is said. */
function withNothings(status: unknown, nothing: null | Readonly<Record<string, never>>): unknown {
  if (!isObject(status)) return status;
  const entries = Object.entries(status).map(([key, value]) => [key, withNothings(value, nothing)] as const);
  return { ...Object.fromEntries(entries), nothing };
}

/** Writes of a day in which nothing happens, of a controller that reconciles after each write and whenever it said it would. */
function writesOfADay(start: Observed, someFact: PlanFacts): number {
  const endOfDay = 86_400;
  let status = start.server.status;
  let writes = 0;
  for (let seconds = 0; seconds < endOfDay;) {
    const observed = status === undefined ? start : after(start, status);
    const decision = statusOf(observed, someFact, someSettings(), later(seconds));
    const isWrite = mergePatchBetween({ ...status }, { ...decision.status }) !== undefined;
    status = written(status, decision.status);
    seconds += isWrite ? 1 : (decision.checkAgainSeconds ?? endOfDay);
    if (isWrite) writes += 1;
    if (writes > 10) return writes;
  }
  return writes;
}

describe("statusOf", () => {
  it("writes a few times at most in a day in which nothing happens, whatever nothings are in the status before", () => {
    const nothings = fc.constantFrom(null, {});
    fc.assert(
      fc.property(observations, facts, nothings, fc.boolean(), (observed, someFact, nothing, isWritten) => {
        const { status: decided } = statusOf(observed, someFact, someSettings(), NOW);
        const previous = isWritten ? decided : observed.server.status;
        const status = withNothings(previous, nothing) as JupyterServerStatus | undefined;
        const start = status === undefined ? observed : after(observed, status);
        expect(writesOfADay(start, someFact)).toBeLessThanOrEqual(3);
      }),
      { numRuns: 300 },
    );
  });

  it("has nothing to write and nothing to tell once its result is written", () => {
    fc.assert(
      fc.property(observations, facts, fc.nat(100), (observed, someFact, seconds) => {
        const { status, checkAgainSeconds = 101 } = statusOf(observed, someFact, someSettings(), NOW);
        const soon = later(Math.min(seconds, checkAgainSeconds - 1));
        const again = statusOf(after(observed, status), someFact, someSettings(), soon);
        expect(again.status).toBe(status);
        expect(again.events).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it("does not depend on the order in which children, events, failures and containers are seen", () => {
    fc.assert(
      fc.property(observations, facts, (observed, someFact) => {
        const { pod } = observed;
        const reversed: Observed = {
          ...observed,
          children: observed.children.toReversed(),
          events: observed.events.toReversed(),
          failures: observed.failures.toReversed(),
        };
        expect(statusOf(reversed, someFact, someSettings(), NOW)).toEqual(
          statusOf(observed, someFact, someSettings(), NOW),
        );
        if (pod === undefined) return;
        const statuses = pod.status?.containerStatuses?.toReversed() ?? [];
        const mirror = { ...observed, pod: { ...pod, status: { ...pod.status, containerStatuses: statuses } } };
        const conditionsOf = (seen: Observed): unknown =>
          statusOf(seen, someFact, someSettings(), NOW).status.conditions;
        expect(conditionsOf(mirror)).toEqual(conditionsOf(observed));
      }),
      { numRuns: 500 },
    );
  });

  it("says of each condition only what the catalogue lets it say, and never that it is stalled and on its way", () => {
    fc.assert(
      fc.property(observations, facts, (observed, someFact) => {
        const { conditions = [] } = statusOf(observed, someFact, someSettings(), NOW).status;
        const types: readonly string[] = conditions.map(({ type }) => type);
        for (const { type, reason } of conditions) {
          expect(REASONS[reason as Reason].conditions, `${type} ${reason}`).toContain(type);
        }
        expect(types.includes("Ready")).toBe(!types.includes("Hibernated"));
        expect(types.includes("Stalled") && types.includes("Reconciling")).toBe(false);
        expect(new Set(types).size).toBe(types.length);
      }),
      { numRuns: 500 },
    );
  });

  it("is failed only with a reason that stalls it, and ready only while it runs", () => {
    fc.assert(
      fc.property(observations, facts, (observed, someFact) => {
        const { state, conditions = [] } = statusOf(observed, someFact, someSettings(), NOW).status;
        const isReady = conditions.some(({ type, status }) => type === "Ready" && status === "True");
        expect(isReady).toBe(state === "running");
        if (state === "failed") expect(conditions.some(({ type }) => type === "Stalled")).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it("consists of JSON that a merge patch can write: neither null nor undefined", () => {
    fc.assert(
      fc.property(observations, facts, (observed, someFact) => {
        const { status } = statusOf(observed, someFact, someSettings(), NOW);
        expect(JSON.stringify(status)).not.toContain("null");
        expect(JSON.parse(JSON.stringify(status))).toStrictEqual(status);
      }),
    );
  });
});
