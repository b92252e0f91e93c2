import { routeOf, type JupyterServer, type Reason, type ReasonWithValues } from "@amalthea/api";
import { CULLING_KEY } from "../culling/limits.ts";
import { childKeyOf } from "../live/child.ts";
import { isClaimBound } from "../live/claim.ts";
import type { Observed, ObservedFailure } from "../live/observed.ts";
import { activePod } from "../live/pod.ts";
import { NEEDED_BY_ROUTES } from "../live/routes.ts";
import type { Adjustment, OfReason, PlanFacts, Problem, Warning } from "../facts.ts";
import { trueCondition } from "../values/conditions.ts";
import { quotaDetail } from "./pod/events.ts";
import type { Obstacle } from "./pod/obstacle.ts";
import { detail } from "./text.ts";

/** Something that cannot reach the spec until somebody changes something. */
export type Stall = {
  readonly why: ReasonWithValues;
  /** The server is down because of it, and cannot start before it is fixed. */
  readonly preventsStart: boolean;
  /** Requests cannot reach the pod because of it, even if the pod is ready. */
  readonly preventsRoute: boolean;
};

/** What planning and the failed writes of earlier reconciles say is stalled; what only the user can fix comes first. */
export function stallsOf(observed: Observed, facts: PlanFacts): readonly Stall[] {
  const failures = observed.failures
    .filter((failure) => failure.isHeldByEarlier !== true && !isAnsweredByReplacing(observed, failure))
    .toSorted((a, b) => (a.childKey < b.childKey ? -1 : 1));
  return [
    ...facts.problems.map((problem) => problemStall(observed, problem)),
    ...failures.map((failure) => failureStall(observed.server, failure)),
  ];
}

/** Whether a claim was refused that is recreated for that: it cannot be changed, and has no volume yet. */
function isAnsweredByReplacing({ children }: Observed, { childKey, code }: ObservedFailure): boolean {
  const live =
    childKey === "pvc" && code === 422 ? children.find((child) => childKeyOf(child) === childKey) : undefined;
  return live !== undefined && !isClaimBound(live);
}

/**
 * The remaining object of an earlier server of the same name that occupies the name of a child; undefined if there is
 * none.
 */
export function leftover({ failures, server }: Observed): Obstacle | undefined {
  const held = failures.filter(({ isHeldByEarlier }) => isHeldByEarlier === true);
  const [first] = held.toSorted((a, b) => (a.kind < b.kind ? -1 : 1));
  if (first === undefined) return undefined;
  const why: ReasonWithValues = { reason: "EarlierServerLeaving", values: { kind: first.kind } };
  return { kind: "Waiting", why, since: new Date(server.metadata.creationTimestamp), lasting: why };
}

function problemStall(observed: Observed, problem: Problem): Stall {
  const why = problemReason(observed.server, problem);
  switch (problem.kind) {
    case "ClaimShrinkRefused":
    case "ClaimChangeRefused":
    case "PredecessorRunning":
      return { why, preventsStart: false, preventsRoute: false };
    case "InvalidSpec":
    case "PatchFailed":
    case "ChildKindRefused":
    case "ChildInvalid":
    case "TooManyServers":
      return { why, preventsStart: true, preventsRoute: false };
    case "PodSecurityViolated":
    case "NotAllowed":
    case "RuleTaken":
      return { why, preventsStart: true, preventsRoute: isRouteMissing(observed, problem.childKey) };
    case "RouteTaken":
      return { why, preventsStart: problem.keptUrl === undefined, preventsRoute: false };
  }
}

function problemReason(server: JupyterServer, problem: Problem): ReasonWithValues {
  switch (problem.kind) {
    case "InvalidSpec":
      return { reason: "InvalidSpec", values: { field: problem.field, detail: detail(problem.message) } };
    case "PatchFailed": {
      const { patchIndex: index, path, reason } = problem;
      return { reason: "InvalidPatch", values: { index, path, detail: detail(reason) } };
    }
    case "ChildKindRefused": {
      const { childKey, apiVersion, childKind: kind } = problem;
      return { reason: "ChildKindRefused", values: { childKey, apiVersion, kind } };
    }
    case "ChildInvalid":
      return { reason: "InvalidChild", values: { childKey: problem.childKey, detail: detail(problem.reason) } };
    case "RouteTaken": {
      const { holder, keptUrl } = problem;
      return { reason: "RouteTaken", values: { route: routeText(server), holder, keptUrl } };
    }
    case "PodSecurityViolated": {
      const { childKey, level, rule, field, value } = problem;
      return { reason: "PodSecurity", values: { childKey, level, rule, field: detail(field), value: detail(value) } };
    }
    case "NotAllowed": {
      const { childKey, field, setting } = problem;
      const values = { childKey, field: detail(field), detail: detail(problem.detail), setting };
      return { reason: "NotAllowed", values };
    }
    case "RuleTaken": {
      const { route, holder } = problem;
      return { reason: "RouteTaken", values: { route, holder, keptUrl: undefined } };
    }
    case "TooManyServers": {
      const { namespace } = server.metadata;
      return { reason: "TooManyServers", values: { namespace, limit: problem.limit } };
    }
    default:
      return reasonOfItsName(problem);
  }
}

/** Whether a refused child is one that requests come through, and is not there in an earlier form. */
function isRouteMissing({ children }: Observed, childKey: string): boolean {
  return NEEDED_BY_ROUTES.includes(childKey) && !children.some((child) => childKeyOf(child) === childKey);
}

function routeText(server: JupyterServer): string {
  const route = routeOf(server);
  return route === undefined ? "The route" : route.host + route.path;
}

function failureStall(server: JupyterServer, failure: ObservedFailure): Stall {
  const { childKey, code } = failure;
  // The API server is overloaded or failing: the next attempt may succeed.
  const passing = code === 429 || code >= 500;
  const preventsRoute = code === 409 && NEEDED_BY_ROUTES.includes(childKey);
  const preventsStart = !passing && childKey !== CULLING_KEY;
  return { why: failureReason(server, failure), preventsStart, preventsRoute };
}

function failureReason(server: JupyterServer, { childKey, kind, code, message }: ObservedFailure): ReasonWithValues {
  const quota = code === 403 ? quotaDetail(message) : undefined;
  if (quota !== undefined) return { reason: "QuotaExceeded", values: { detail: quota } };
  if (code === 409) return { reason: "NameTaken", values: { kind, name: server.metadata.name } };
  // What the API server says about a Secret may quote the Secret.
  const secretText = code >= 500 ? "the API server failed to store it" : "the API server refuses its content";
  const text = kind === "Secret" ? secretText : detail(message);
  if (code === 403) return { reason: "Forbidden", values: { childKey, detail: text } };
  if (code === 400 || code === 422) return { reason: "InvalidChild", values: { childKey, detail: text } };
  return { reason: "WriteFailed", values: { childKey, code, detail: text } };
}

/** The reason of a warning. */
export function warningReason(warning: Warning): ReasonWithValues {
  switch (warning.kind) {
    case "OpenServer":
      return { reason: "OpenWithoutAccessControl", values: {} };
    case "InsecureLogin":
      return { reason: "PlainHttpOidc", values: { host: warning.host } };
    case "PatchSkipped": {
      const { patchIndex: index, path, reason } = warning;
      return { reason: "PatchOperationSkipped", values: { index, path, detail: detail(reason) } };
    }
    case "ChildAdjusted": {
      const { childKey, adjustments } = warning;
      return { reason: "ChildAdjusted", values: { childKey, fields: fieldList(adjustments) } };
    }
    case "ViolationTolerated":
      return { reason: "ViolationTolerated", values: { violations: warning.violations.map(detail) } };
    default:
      return reasonOfItsName(warning);
  }
}

function reasonOfItsName({ kind: reason, ...values }: OfReason<Reason>): ReasonWithValues {
  return { reason, values } as ReasonWithValues; // by the type, the values are those of this very reason
}

const WHY_ADJUSTED: Readonly<Record<Adjustment["why"], string>> = {
  NoSuchField: "Kubernetes has no such field",
  WrittenByKubernetes: "Kubernetes writes it itself",
  Duplicate: "it is there twice, and the last one counts",
  PortNameTaken: "the port name http is the server's own",
  OrdinalFixed: "the pod of a server is number 0",
};

/** As many as people read. */
const MAX_FIELDS = 5;

function fieldList(adjustments: readonly Adjustment[]): readonly string[] {
  const named = adjustments.slice(0, MAX_FIELDS).map(({ field, why }) => `${detail(field)} (${WHY_ADJUSTED[why]})`);
  const others = adjustments.length - named.length;
  return others === 0 ? named : [...named, `${others} more`];
}

/** Why requests may not reach the server although its Ingress is as it should be. */
export function routeWarnings({ missing }: Pick<Observed, "missing">): readonly ReasonWithValues[] {
  return [
    ...missing.ingressClasses.map((ingressClass): ReasonWithValues => ({
      reason: "IngressClassMissing",
      values: { ingressClass },
    })),
    ...missing.tlsSecrets.map((secret): ReasonWithValues => ({ reason: "TlsSecretMissing", values: { secret } })),
  ];
}

/**
 * What has not reached the running pod yet; empty without a pod, once it is being replaced, and while the server is being
 * hibernated: the next pod has it all, and a warning that goes with this one would cost a write.
 */
export function pendingReasons(observed: Observed, facts: PlanFacts): readonly ReasonWithValues[] {
  if (activePod(observed) === undefined || observed.server.spec.jupyterServer.hibernated) return [];
  const reasons: ReasonWithValues[] = [];
  // First: the reason tells the controller's next process.
  if (observed.isCredentialChanged) reasons.push(...credentialReason(observed.server.spec.auth));
  if (facts.pendingFields.length > 0) {
    reasons.push({ reason: "ChangesWaiting", values: { fields: facts.pendingFields } });
  }
  if (facts.legacyLayout) reasons.push({ reason: "PredecessorLayout", values: {} });
  if (facts.resize.kind === "NotPossible") {
    reasons.push({ reason: "ResizeNotPossible", values: { detail: detail(facts.resize.because) } });
  }
  const pending = trueCondition(observed.pod, "PodResizePending");
  if (pending !== undefined) {
    const reason = pending.reason === "Infeasible" ? "ResizeInfeasible" : "ResizeDeferred";
    reasons.push({ reason, values: { detail: detail(pending.message ?? "the node does not say why") } });
  }
  const failing = resizeError(observed);
  if (failing !== undefined) reasons.push({ reason: "ResizeFailed", values: { detail: detail(failing) } });
  return reasons;
}

function credentialReason({ oidc, tokenSecretRef }: JupyterServer["spec"]["auth"]): readonly ReasonWithValues[] {
  const { name: secret } = (oidc.enabled ? oidc.clientSecret?.secretKeyRef : tokenSecretRef) ?? {};
  if (secret === undefined) return [];
  return [{ reason: oidc.enabled ? "ClientSecretChanged" : "TokenChanged", values: { secret } }];
}

/** Why the kubelet fails to complete a resize that it has accepted; undefined if it does not, or there is none. */
function resizeError({ pod }: Observed): string | undefined {
  const progress = trueCondition(pod, "PodResizeInProgress");
  if (progress?.reason !== "Error") return undefined;
  return progress.message ?? "the node does not say why";
}

/** Whether CPU or memory of the running pod are being changed. */
export function isResizing(observed: Observed, facts: PlanFacts): boolean {
  if (resizeError(observed) !== undefined) return false;
  return facts.resize.kind === "Requested" || trueCondition(observed.pod, "PodResizeInProgress") !== undefined;
}
