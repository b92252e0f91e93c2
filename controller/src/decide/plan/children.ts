import { ANNOTATIONS, routeOf, type ChildKey } from "@amalthea/api";
import { REPLACED_KEYS } from "../takeover/migration.ts";
import { desiredReplicas } from "../children/stateful-set.ts";
import { reconcileClaim, releaseClaim } from "./claim.ts";
import { addressOf, type Action, type ActionOf, type Replacement } from "../decision.ts";
import type { Rendered } from "../children/desired.ts";
import { withoutHash, type DesiredChild } from "../children/desired-child.ts";
import { ownValue, valueAt } from "../values/json.ts";
import {
  childKeyOf,
  findLive,
  isMadeAs,
  isSameObject,
  isTerminating,
  liveStatefulSet,
  replicasOf,
  targetOf,
} from "../live/child.ts";
import type { LiveChild, Observed, ObservedFailure } from "../live/observed.ts";
import type { Problem } from "../facts.ts";
import type { ServerRoutes } from "../children/child-context.ts";
import { firstDifference } from "./difference.ts";
import { hasOwnRoute, routesServedBy, servesRoute } from "../live/routes.ts";
import { podTemplatesOf } from "../policy/pod-templates.ts";
import { isLegacy } from "../takeover/legacy.ts";

export type ChildrenPlan = {
  readonly actions: readonly Action[];
  readonly problems: readonly Problem[];
  readonly routeSettled: boolean;
  /** The StatefulSet is to be created or scaled up, as soon as nothing prevents it. */
  readonly isStarting: boolean;
  /** A workload is to be created or changed, as soon as nothing prevents it. */
  readonly isChangingPods: boolean;
  /**
   * The StatefulSet must not be written: something that its pod needs was refused. Its name may belong to somebody else's
   * object, which the pod would then use, as would the pods of other children. Or the pod would have no route.
   */
  readonly isWithheld: boolean;
  /** A pod that starts now gets the desired template, and nobody else's objects. */
  readonly isTemplateCurrent: boolean;
};

/**
 * Order of the writes: what a pod needs to start comes before the pod, what routes to it comes after. Children that
 * patches added come first, because a pod may need them.
 */
const ORDER: Readonly<Record<Exclude<ChildKey, "secret">, number>> = {
  networkpolicy: 1,
  configmap: 2,
  pvc: 3,
  statefulset: 4,
  service: 5,
  ingress: 6,
};

/** Compares the children with the live ones. Legacy children are not changed: they are removed first. */
export function compareChildren(observed: Observed, desired: Rendered, routes: ServerRoutes): ChildrenPlan {
  const routed = withoutTakenRoute(observed, desired.children, routes);
  const { wanted, isRouteless } = routed;
  const claims = fittedClaims(observed, wanted);
  const decided = claims.children
    .toSorted((left, right) => orderOf(left) - orderOf(right))
    .map((child) => ({ child, step: stepFor(observed, child) }));
  const prune = observed.children.filter((live) => isUnwanted(live, wanted, desired.refusedKeys));
  const steps = decided.flatMap(({ step }) => (step.kind === "Act" ? [step.action] : []));
  const wouldStart = isStarting(observed, steps);
  const isNeedRefused = isSomethingNeededRefused(observed, wanted);
  const isWithheld = isNeedRefused || (isRouteless && wouldStart);
  const applies = steps
    .filter((action) => !isWithheld || !isStatefulSetApply(action))
    .filter((action) => !isNeedRefused || !isPodApply(action));
  const areSettled = (isMeant: (child: DesiredChild) => boolean): boolean =>
    decided.every(({ child, step }) => !isMeant(child) || step.kind === "Settled");
  const released = releases(observed, wanted);
  return {
    actions: [...released, ...claims.actions, ...applies, ...prune.flatMap((live) => pruneActions(observed, live))],
    problems: [...routed.problems, ...claims.problems],
    routeSettled: areSettled(hasOwnRoute) && !isRouteless,
    isStarting: wouldStart,
    isChangingPods: steps.some(isPodApply),
    isWithheld,
    isTemplateCurrent:
      !isWithheld && areSettled(({ childKey }) => childKey === "statefulset") && isObserved(liveStatefulSet(observed)),
  };
}

function orderOf({ childKey }: DesiredChild): number {
  return ownValue<number>(ORDER, childKey) ?? 0;
}

type Wanted = {
  readonly wanted: readonly DesiredChild[];
  readonly problems: readonly Problem[];
  /** A pod would have no route. */
  readonly isRouteless: boolean;
};

/**
 * A route that another server holds is not shared. While this one has another route, only the move is refused, and the
 * Ingress stays. A server without an Ingress, because a patch removed it, takes no route. An Ingress that serves is
 * never removed.
 */
function withoutTakenRoute(observed: Observed, children: readonly DesiredChild[], routes: ServerRoutes): Wanted {
  const holder = observed.routeHolder;
  const ingress = children.find(hasOwnRoute);
  if (holder === undefined || ingress === undefined) return { wanted: children, problems: [], isRouteless: false };
  const isServedAlready = isServed(observed, ingress);
  const isRouteless = isOnSpecRoute(observed, ingress) && !isServedAlready;
  // A legacy server keeps its route only while it has a pod: its next start recreates everything.
  const isKept = !isRouteless && (routes.kept !== undefined || observed.pod !== undefined || isServedAlready);
  return {
    wanted: isRouteless ? children.filter((child) => child !== ingress) : children,
    problems: [{ kind: "RouteTaken", holder, keptUrl: isKept ? routes.served?.url : undefined }],
    isRouteless,
  };
}

/** Whether the Ingress exists and already serves its route: it is not removed, whoever requests it later. */
function isServed(observed: Observed, { manifest }: DesiredChild): boolean {
  const live = findLive(observed, manifest);
  const [first] = routesServedBy(manifest);
  if (live === undefined || first?.host === undefined || isTerminating(live)) return false;
  return servesRoute(live, { host: first.host, path: first.path });
}

function isOnSpecRoute({ server }: Observed, { manifest }: DesiredChild): boolean {
  const route = routeOf(server);
  const first = routesServedBy(manifest)[0];
  return route !== undefined && first?.host === route.host && first.path === route.path;
}

type Claims = {
  readonly children: readonly DesiredChild[];
  readonly actions: readonly Action[];
  readonly problems: readonly Problem[];
};

/**
 * The children with their claims fitted to the live ones; a claim that is to be recreated is omitted until it is
 * deleted.
 */
function fittedClaims(observed: Observed, wanted: readonly DesiredChild[]): Claims {
  const children: DesiredChild[] = [];
  const actions: Action[] = [];
  const problems: Problem[] = [];
  for (const child of wanted) {
    const live = child.manifest.kind === CLAIM ? findLive(observed, child.manifest) : undefined;
    if (live === undefined || isTerminating(live)) {
      children.push(child);
      continue;
    }
    const decision = reconcileClaim(child, live, refusedWrite(observed, child)?.code === INVALID);
    if (decision.kind === "Replace") {
      actions.push({ ...removal(live, decision.because), resourceVersion: live.metadata.resourceVersion });
      continue;
    }
    children.push(decision.desired);
    problems.push(...decision.problems);
  }
  return { children, actions, problems };
}

const CLAIM = "PersistentVolumeClaim";

type Step =
  | { readonly kind: "Settled" }
  | { readonly kind: "Act"; readonly action: Action }
  /** It is terminating, or the API server has refused this very body. */
  | { readonly kind: "Wait" };

/** Kinds of children that a pod refers to only by name, no matter who owns the object with that name. */
export const POD_NEEDS: ReadonlySet<string> = new Set(["ConfigMap", "PersistentVolumeClaim", "Secret"]);

function isSomethingNeededRefused(observed: Observed, wanted: readonly DesiredChild[]): boolean {
  const isMissing = (key: string): boolean =>
    wanted.some((child) => child.childKey === key && findLive(observed, child.manifest) === undefined);
  return observed.failures.some(
    (failure) => failure.kind === "Secret" || (POD_NEEDS.has(failure.kind) && isMissing(failure.childKey)),
  );
}

function stepFor(observed: Observed, child: DesiredChild): Step {
  const { childKey, manifest, desiredHash, yields } = child;
  const live = findLive(observed, manifest);
  const because = reasonToApply(manifest, desiredHash, live);
  if (because === undefined || isEquivalent(observed, live, desiredHash)) return { kind: "Settled" };
  if (live !== undefined && (isTerminating(live) || isReplaced(live))) return { kind: "Wait" };
  const refusal = refusedWrite(observed, { childKey, desiredHash });
  const replacing = live === undefined ? undefined : replacementStep(live, child, refusal);
  if (replacing !== undefined) return replacing;
  if (refusal !== undefined && refusal.mayRetry !== true) return { kind: "Wait" };
  return {
    kind: "Act",
    action: {
      ...{ kind: "Apply", childKey, target: addressOf(manifest), desiredHash, because },
      ...{ manifest, create: live === undefined },
      ...(live === undefined || yields === undefined ? {} : { resourceVersion: live.metadata.resourceVersion }),
    },
  };
}

/** The step of a child that has to be recreated rather than changed; undefined if it can be changed. */
function replacementStep(
  live: LiveChild,
  { manifest, desiredHash }: DesiredChild,
  refusal: ObservedFailure | undefined,
): Step | undefined {
  if (refusal?.isDryRun === true && refusal.mayRetry !== true) return { kind: "Wait" };
  const replace = (because: string, dryRun: Replacement["dryRun"]): Step => ({
    kind: "Act",
    action: { ...removal(live, because), desiredHash, replacement: { manifest, dryRun } },
  });
  if (hasDroppedClass(live, manifest)) {
    return replace("its class is no longer requested, and the default class is set on new Ingresses only", "Over");
  }
  return refusal?.code === INVALID && isReplaceable(live, desiredHash)
    ? replace("what somebody added to it makes it invalid: it is recreated", "Beside")
    : undefined;
}

function isEquivalent({ equivalent }: Observed, live: LiveChild | undefined, desiredHash: string): boolean {
  return live !== undefined && !isTerminating(live) && equivalent.get(live.metadata.uid) === desiredHash;
}

const INVALID = 422;

/** The API server's error for this very write of a child; undefined if it has not refused it. */
export function refusedWrite(
  { failures }: Observed,
  { childKey, desiredHash }: Pick<DesiredChild, "childKey" | "desiredHash">,
): ObservedFailure | undefined {
  return failures.find((failure) => failure.childKey === childKey && failure.desiredHash === desiredHash);
}

/** Kinds whose objects have no state beyond their manifest, and which a running pod can do without for a moment. */
const REPLACEABLE: ReadonlySet<string> = new Set(["ConfigMap", "Ingress", "NetworkPolicy", "Service"]);

/**
 * Whether a child that cannot be fixed may be recreated. The manifest that is refused now was accepted before, so it is
 * not the cause: a second unnamed port added to a Service, for example, makes it invalid.
 */
function isReplaceable(live: LiveChild, desiredHash: string): boolean {
  return REPLACEABLE.has(live.kind) && isMadeAs(desiredHash, live);
}

/**
 * Whether an Ingress has a requested class that is no longer requested: without any class, no controller would serve
 * it.
 */
function hasDroppedClass(live: LiveChild, { metadata }: DesiredChild["manifest"]): boolean {
  return (
    live.metadata.annotations?.[ANNOTATIONS.ingressClass] !== undefined &&
    metadata.annotations?.[ANNOTATIONS.ingressClass] === undefined
  );
}

/** A legacy child that is recreated rather than changed. */
function isReplaced(live: LiveChild): boolean {
  return isLegacy(live) && REPLACED_KEYS.has(childKeyOf(live) ?? "");
}

function reasonToApply(
  manifest: DesiredChild["manifest"],
  desiredHash: string,
  live: LiveChild | undefined,
): string | undefined {
  if (live === undefined) return "it is missing";
  if (isTerminating(live)) return "it is being deleted";
  const difference = firstDifference(withoutHash(manifest), live);
  if (!isMadeAs(desiredHash, live)) return `${difference ?? "its desired state"} changed`;
  return difference === undefined ? undefined : `somebody changed ${difference}`;
}

/** Children, legacy ones included, that are no longer desired. */
function isUnwanted(live: LiveChild, wanted: readonly DesiredChild[], refusedKeys: readonly string[]): boolean {
  const key = childKeyOf(live);
  if (key === undefined || refusedKeys.includes(key) || isTerminating(live) || isReplaced(live)) return false;
  return !wanted.some(({ manifest }) => isSameObject(manifest, live));
}

function pruneActions(observed: Observed, live: LiveChild): readonly Action[] {
  if (live.kind !== CLAIM) return [removal(live)];
  const { server } = observed;
  const { retentionPolicy, existingClaim } = server.spec.storage.pvc;
  const isOwned = (live.metadata.ownerReferences ?? []).some(({ uid }) => uid === server.metadata.uid);
  if (!isOwned) return []; // retained: it has no owner any more
  if (retentionPolicy === "Retain" || existingClaim === live.metadata.name) return releaseClaim(live, server);
  return observed.pod === undefined ? [removal(live)] : []; // it may be in use, and the change may be reverted
}

function removal(live: LiveChild, because = "it is no longer desired"): ActionOf<"Remove"> {
  const childKey = childKeyOf(live) ?? live.kind.toLowerCase();
  return { kind: "Remove", childKey, target: targetOf(live), desiredHash: "", because };
}

/** The server's own claim loses its owner as soon as it is to be retained. */
function releases(observed: Observed, wanted: readonly DesiredChild[]): readonly Action[] {
  if (observed.server.spec.storage.pvc.retentionPolicy !== "Retain") return [];
  const claim = wanted.find(({ childKey }) => childKey === "pvc");
  const live = claim === undefined ? undefined : findLive(observed, claim.manifest);
  return live === undefined || isTerminating(live) ? [] : releaseClaim(live, observed.server);
}

function isStarting(observed: Observed, applies: readonly Action[]): boolean {
  const live = liveStatefulSet(observed);
  return (
    applies.some(isStatefulSetApply) &&
    desiredReplicas(observed) === 1 &&
    (live === undefined || replicasOf(live) === 0)
  );
}

function isStatefulSetApply(action: Action): boolean {
  return action.kind === "Apply" && action.childKey === "statefulset";
}

/** Whether an action creates or changes a workload. */
export function isPodApply(action: Action): action is ActionOf<"Apply"> {
  return action.kind === "Apply" && podTemplatesOf(action.manifest).length > 0;
}

/** Whether the StatefulSet's controller has observed its latest generation, and creates the next pod from it. */
function isObserved(statefulSet: LiveChild | undefined): boolean {
  const seen = valueAt(statefulSet?.status, "observedGeneration");
  return typeof seen === "number" && seen >= (statefulSet?.metadata.generation ?? 0);
}
