import { describe, expect, it } from "vitest";
import type { Observed } from "../live/observed.ts";
import type { PlanFacts } from "../facts.ts";
import {
  anUnschedulablePod,
  BROKEN_POD,
  brief,
  conditionOf,
  decideStatus,
  FAILED_PATCH,
  REFUSED_INGRESS,
} from "../testing/status.ts";
import {
  aChild,
  aCondition,
  aContainer,
  ago,
  anEvent,
  aPod,
  aReadyPod,
  aServer,
  timeAgo,
} from "../testing/builders.ts";

const hibernated = { hibernated: true };
const overQuota = anEvent(
  "StatefulSet",
  "FailedCreate",
  'create Pod alice-0 failed error: pods "alice-0" is forbidden: exceeded quota: q, requested: memory=4Gi',
);
const webhookDown = anEvent(
  "StatefulSet",
  "FailedCreate",
  'create Pod alice-0 in StatefulSet alice failed error: Internal error occurred: failed calling webhook "pods.example.org": failed to call webhook: Post "https://w.example.svc:443/?timeout=10s": no endpoints available for service "w"',
);

/** A pod that somebody's finalizer has kept for so many seconds after the end of its grace period. */
const keptFor = (seconds: number): NonNullable<Observed["pod"]> =>
  aReadyPod({ metadata: { deletionTimestamp: timeAgo(seconds), finalizers: ["example.org/keep"] } });

const cutOff: Partial<PlanFacts> = { desiredRouteSettled: false };

type Row = {
  readonly server: string;
  readonly observed?: Partial<Observed>;
  readonly facts?: Partial<PlanFacts>;
  readonly state: string;
  readonly ready?: string;
  readonly hibernated?: string;
  readonly reconciling?: string;
  readonly stalled?: string;
};

const rows: readonly Row[] = [
  { server: "is new", state: "starting", ready: "False PodMissing", reconciling: "True PodMissing" },
  {
    server: "has a ready pod and its Ingress",
    observed: { pod: aReadyPod() },
    state: "running",
    ready: "True PodReady",
  },
  {
    server: "has a ready pod and no Ingress yet",
    observed: { pod: aReadyPod() },
    facts: cutOff,
    state: "starting",
    ready: "False RoutePending",
    reconciling: "True RoutePending",
  },
  {
    server: "has a ready pod, and a label of its Ingress is being changed",
    observed: {
      pod: aReadyPod(),
      children: [
        aChild("ingress", "Ingress", {
          spec: { rules: [{ host: "hub.example.org", http: { paths: [{ path: "/sessions/alice" }] } }] },
        }),
      ],
    },
    facts: cutOff,
    state: "running",
    ready: "True PodReady",
  },
  {
    server: "has a ready pod, and an Ingress for another path",
    observed: {
      pod: aReadyPod(),
      children: [
        aChild("ingress", "Ingress", {
          spec: { rules: [{ host: "hub.example.org", http: { paths: [{ path: "/sessions" }] } }] },
        }),
      ],
    },
    facts: cutOff,
    state: "starting",
    ready: "False RoutePending",
    reconciling: "True RoutePending",
  },
  {
    server: "has a ready pod, and an Ingress for another host",
    observed: {
      pod: aReadyPod(),
      children: [
        aChild("ingress", "Ingress", {
          spec: { rules: [{ host: "old.example.org", http: { paths: [{ path: "/sessions/alice" }] } }] },
        }),
      ],
    },
    facts: cutOff,
    state: "starting",
    ready: "False RoutePending",
    reconciling: "True RoutePending",
  },
  {
    server: "is being deleted",
    observed: { server: aServer({ metadata: { deletionTimestamp: timeAgo(1) } }), pod: aReadyPod() },
    state: "stopping",
    ready: "False Deleting",
    reconciling: "True Deleting",
  },
  {
    server: "is hibernated and being deleted",
    observed: { server: aServer({ metadata: { deletionTimestamp: timeAgo(1) }, jupyterServer: hibernated }) },
    state: "stopping",
    ready: "False Deleting",
    reconciling: "True Deleting",
  },
  {
    server: "is to hibernate and its pod still exists",
    observed: { server: aServer({ jupyterServer: hibernated }), pod: aReadyPod() },
    state: "hibernated",
    ready: "False Hibernating",
    reconciling: "True Hibernating",
  },
  {
    server: "is hibernated",
    observed: { server: aServer({ jupyterServer: hibernated }) },
    state: "hibernated",
    hibernated: "True Hibernated",
  },
  {
    server: "is hibernated, and a patch of it is broken",
    observed: { server: aServer({ jupyterServer: hibernated }) },
    facts: { problems: [FAILED_PATCH] },
    state: "hibernated",
    hibernated: "True Hibernated",
    stalled: "True InvalidPatch",
  },
  {
    server: "was hibernated and has no pod yet",
    observed: { server: aServer({ status: { state: "hibernated" } }) },
    state: "starting",
    ready: "False Resuming",
    reconciling: "True Resuming",
  },
  {
    server: "was hibernated after its quota was exceeded, and is resumed",
    observed: { server: aServer({ status: { state: "hibernated" } }), events: [overQuota] },
    state: "starting",
    ready: "False Resuming",
    reconciling: "True Resuming",
  },
  {
    server: "is being restarted",
    observed: { pod: aReadyPod() },
    facts: { restarting: true },
    state: "starting",
    ready: "False Restarting",
    reconciling: "True Restarting",
  },
  {
    server: "has a broken pod that is replaced because its image was corrected",
    observed: { pod: BROKEN_POD },
    facts: { restarting: true },
    state: "starting",
    ready: "False Restarting",
    reconciling: "True Restarting",
  },
  {
    server: "has a broken pod that cannot be replaced because a patch is broken",
    observed: { pod: BROKEN_POD },
    facts: { restarting: true, problems: [FAILED_PATCH] },
    state: "failed",
    ready: "False InvalidImageName",
    stalled: "True InvalidPatch",
  },
  {
    server: "answered, and its container does so no longer",
    observed: {
      server: aServer({ status: { state: "running" } }),
      pod: aPod({ containers: [aContainer({ state: { running: { startedAt: timeAgo(500) } } })] }),
    },
    state: "starting",
    ready: "False NotReady",
    reconciling: "True NotReady",
  },
  {
    server: "runs on a node that does not answer",
    observed: { pod: aReadyPod({ reason: "NodeLost" }) },
    state: "starting",
    ready: "Unknown NodeLost",
    reconciling: "True NodeLost",
  },
  {
    server: "has an image with a malformed name",
    observed: { pod: BROKEN_POD },
    state: "failed",
    ready: "False InvalidImageName",
    stalled: "True InvalidImageName",
  },
  {
    server: "has had no node for less than the grace period",
    observed: { pod: anUnschedulablePod(599) },
    state: "starting",
    ready: "False Unschedulable",
    reconciling: "True Unschedulable",
  },
  {
    server: "has had no node for the grace period",
    observed: { pod: anUnschedulablePod(600) },
    state: "failed",
    ready: "False Unschedulable",
    stalled: "True Unschedulable",
  },
  {
    server: "may not have its pod because of the quota",
    observed: { events: [overQuota] },
    state: "failed",
    ready: "False QuotaExceeded",
    stalled: "True QuotaExceeded",
  },
  {
    server: "has a pod now, after the quota was exceeded",
    observed: { events: [overQuota], pod: aReadyPod() },
    state: "running",
    ready: "True PodReady",
  },
  {
    server: "may have its pod now, after the quota was exceeded",
    observed: { events: [overQuota, anEvent("StatefulSet", "SuccessfulCreate", "create Pod alice-0", ago(5))] },
    state: "starting",
    ready: "False PodMissing",
    reconciling: "True PodMissing",
  },
  {
    server: "has another StatefulSet, whose pods are over quota",
    observed: { events: [{ ...overQuota, regardingName: "worker" }] },
    state: "starting",
    ready: "False PodMissing",
    reconciling: "True PodMissing",
  },
  {
    server: "asks for a pod that the namespace's security level refuses",
    observed: {
      events: [
        anEvent("StatefulSet", "FailedCreate", 'pods "alice-0" is forbidden: violates PodSecurity "restricted"'),
      ],
    },
    state: "failed",
    ready: "False Forbidden",
    stalled: "True Forbidden",
  },
  {
    server: "has waited for its pod for less than the grace period, because a webhook is down",
    observed: {
      events: [webhookDown],
      server: aServer({ status: { state: "starting", startingSince: timeAgo(599) } }),
    },
    state: "starting",
    ready: "False PodCreationFailed",
    reconciling: "True PodCreationFailed",
  },
  {
    server: "has waited for its pod for the grace period, because a webhook is down",
    observed: {
      events: [webhookDown],
      server: aServer({ status: { state: "starting", startingSince: timeAgo(600) } }),
    },
    state: "failed",
    ready: "False PodCreationFailed",
    stalled: "True PodCreationFailed",
  },
  {
    server: "failed because a webhook is down, and meets it again with another text",
    observed: {
      events: [webhookDown],
      server: aServer({
        status: {
          state: "failed",
          failedSince: timeAgo(20),
          conditions: [
            {
              ...{ type: "Ready", status: "False", reason: "PodCreationFailed", message: "another" },
              lastTransitionTime: timeAgo(20),
            },
          ],
        },
      }),
    },
    state: "failed",
    ready: "False PodCreationFailed",
    stalled: "True PodCreationFailed",
  },
  {
    server: "waits a moment for its previous pod",
    observed: { pod: keptFor(14) },
    state: "starting",
    ready: "False Starting",
    reconciling: "True Starting",
  },
  {
    server: "waits for a pod that a finalizer keeps",
    observed: { pod: keptFor(16) },
    state: "starting",
    ready: "False PodStuck",
    reconciling: "True PodStuck",
  },
  {
    server: "has waited for the grace period for a pod that a finalizer keeps",
    observed: { pod: keptFor(600) },
    state: "failed",
    ready: "False PodStuck",
    stalled: "True PodStuck",
  },
  {
    server: "is hibernated, and a finalizer keeps its pod",
    observed: { server: aServer({ jupyterServer: hibernated }), pod: keptFor(600) },
    state: "hibernated",
    ready: "False Hibernating",
    stalled: "True PodStuck",
  },
  {
    server: "was starting on a node that is lost",
    observed: {
      pod: aPod({
        metadata: { deletionTimestamp: timeAgo(600) },
        conditions: [aCondition("DisruptionTarget", "True", { reason: "DeletionByTaintManager" })],
      }),
    },
    state: "failed",
    ready: "False NodeLost",
    stalled: "True NodeLost",
  },
  {
    server: "has no pod and a broken patch",
    facts: { problems: [FAILED_PATCH] },
    state: "failed",
    ready: "False InvalidPatch",
    stalled: "True InvalidPatch",
  },
  {
    server: "runs and has a broken patch",
    observed: { pod: aReadyPod() },
    facts: { problems: [FAILED_PATCH] },
    state: "running",
    ready: "True PodReady",
    stalled: "True InvalidPatch",
  },
  {
    server: "runs, and its host and path belong to an older server",
    observed: { pod: aReadyPod() },
    facts: { ...cutOff, problems: [{ kind: "RouteTaken", holder: "sessions/bob", keptUrl: undefined }] },
    state: "failed",
    ready: "False RouteTaken",
    stalled: "True RouteTaken",
  },
  {
    server: "runs, and its Service's name belongs to somebody else",
    observed: { pod: aReadyPod(), failures: [{ ...REFUSED_INGRESS, childKey: "service", kind: "Service", code: 409 }] },
    state: "failed",
    ready: "False NameTaken",
    stalled: "True NameTaken",
  },
  {
    server: "runs and is asked to shrink its volume",
    observed: { pod: aReadyPod() },
    facts: { problems: [{ kind: "ClaimShrinkRefused", from: "2Gi", to: "1Gi" }] },
    state: "running",
    ready: "True PodReady",
    stalled: "True ClaimShrinkRefused",
  },
  {
    server: "is new and may not have its Ingress",
    observed: { failures: [REFUSED_INGRESS] },
    state: "failed",
    ready: "False Forbidden",
    stalled: "True Forbidden",
  },
  {
    server: "runs and may not have its Ingress changed",
    observed: { pod: aReadyPod(), failures: [REFUSED_INGRESS] },
    state: "running",
    ready: "True PodReady",
    stalled: "True Forbidden",
  },
  {
    server: "is new and meets a broken API server",
    observed: { failures: [{ ...REFUSED_INGRESS, code: 500 }] },
    state: "starting",
    ready: "False PodMissing",
    stalled: "True WriteFailed",
  },
  {
    server: "runs and gets more CPU",
    observed: { pod: aReadyPod({ conditions: [aCondition("PodResizeInProgress", "True")] }) },
    state: "running",
    ready: "True PodReady",
    reconciling: "True ResizeInProgress",
  },
];

describe("the state of a server", () => {
  it.each(rows)("a server that $server is $state, Ready=$ready", ({ observed = {}, facts, ...expected }) => {
    const { status } = decideStatus(observed, facts);
    expect(status.state).toBe(expected.state);
    expect(brief(conditionOf(status, "Ready"))).toBe(expected.ready);
    expect(brief(conditionOf(status, "Hibernated"))).toBe(expected.hibernated);
    expect(brief(conditionOf(status, "Reconciling"))).toBe(expected.reconciling);
    expect(brief(conditionOf(status, "Stalled"))).toBe(expected.stalled);
  });
});
