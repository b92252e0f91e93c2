import { ANNOTATIONS } from "@amalthea/api";
import { migrationOf, removeLegacy, suitsLegacyLayout, type Migration } from "../takeover/migration.ts";
import { compareChildren } from "./children.ts";
import { desiredReplicas } from "../children/stateful-set.ts";
import type { Action, Plan, SecretManifest } from "../decision.ts";
import { desiredChildren, type Desired, type Rendered } from "../children/desired.ts";
import { isTerminating, liveStatefulSet, replicasOf, targetOf } from "../live/child.ts";
import { annotationPath, patchMetadata } from "../metadata-patch.ts";
import type { LiveChild, Observed } from "../live/observed.ts";
import type { PlanFacts, Problem } from "../facts.ts";
import { podPlan, type PodPlan } from "./pod-plan.ts";
import { retryPod } from "./retry-pod.ts";
import { outdatedBeforeReady } from "./restart.ts";
import { activePod, podTarget } from "../live/pod.ts";
import { circumstancesOf, beyondServerLimit, withoutForbiddenStart } from "./policy.ts";
import { planCarriedValues, withOthersValues } from "./others-values.ts";
import { planMissingSecrets, planNamedSecrets, planSecrets } from "./secrets.ts";
import type { ServerRoutes } from "../children/child-context.ts";
import { routesOf } from "./routes.ts";
import { planMetadata } from "./server-metadata.ts";
import { specWarnings } from "../children/spec-warnings.ts";
import type { DecisionSettings } from "../settings.ts";
import { routeChildren } from "../live/routes.ts";
import { backOffSeconds, hasLegacyLayout, isLegacy, isLegacyServer } from "../takeover/legacy.ts";

export type PlanDecision = {
  readonly plan: Plan;
  readonly facts: PlanFacts;
  /** Seconds until time alone changes the plan; undefined when it does not. */
  readonly checkAgainSeconds?: number;
};

/** The writes that bring a server's children closer to its spec, and what status must report about them. */
export function planFor(observed: Observed, settings: DecisionSettings, now: Date): PlanDecision {
  const { server } = observed;
  const metadata = planMetadata(server, settings, now);
  if (server.metadata.deletionTimestamp !== undefined) return { plan: metadata, facts: restingFacts(observed, []) };
  const checkAgainSeconds = backOffSeconds(server, now);
  if (checkAgainSeconds > 0) {
    return { plan: [], facts: restingFacts(observed, [{ kind: "PredecessorRunning" }]), checkAgainSeconds };
  }
  const { plan, facts } = planServer(observed, settings);
  const retry = retryPod(observed, now);
  return {
    plan: [...metadata, ...plan, ...retry.actions],
    facts,
    ...(retry.dueInSeconds === undefined ? {} : { checkAgainSeconds: retry.dueInSeconds }),
  };
}

/** Facts of a server whose children are not managed now. */
function restingFacts(observed: Observed, problems: readonly Problem[]): PlanFacts {
  return {
    problems,
    warnings: [],
    pendingFields: [],
    route: routesOf(observed).served,
    // What the controller does not manage now counts as desired.
    desiredRouteSettled: routeChildren(observed).length > 0,
    resize: { kind: "None" },
    legacyLayout: hasLegacyLayout(observed),
    replicas: desiredReplicas(observed),
    restarting: false,
  };
}

function planServer(observed: Observed, settings: DecisionSettings): PlanDecision {
  const { server } = observed;
  const routes = routesOf(observed);
  const rendered =
    beyondServerLimit(observed, settings) ??
    desiredChildren(server, settings, {
      ...routes,
      isLegacy: isLegacyServer(server),
      circumstances: circumstancesOf(observed, settings),
    });
  const desired = withOthersValues(observed, rendered, settings);
  const state = podPlan(observed, desired, routes);
  const migration = migrationOf(observed, desired, state.restartReason, routes.isMoveRefused);
  const parts =
    migration.kind === "Keep"
      ? planLegacy(migration, observed, desired, routes)
      : planChildren(observed, desired, migration, state, routes);
  const isGone = migration.kind === "Replace" && state.restartReason !== undefined;
  return {
    plan: [
      ...planCarriedValues(observed, desired, migration.kind === "Replace"),
      ...withoutForbiddenStart(parts.plan, { observed, settings, desired }),
      ...(parts.isRemovingPod || isGone ? [] : state.resize.actions),
    ],
    facts: {
      problems: [...desired.problems, ...parts.problems],
      warnings: [...desired.warnings, ...specWarnings(server, isLegacyServer(server))],
      pendingFields: state.waiting,
      route: routes.served,
      desiredRouteSettled: parts.routeSettled,
      resize: state.resize.facts,
      legacyLayout: migration.kind === "Keep",
      replicas: desiredReplicas({ server }),
      restarting: state.restartReason !== undefined,
    },
  };
}

type Parts = {
  readonly plan: Plan;
  readonly problems: readonly Problem[];
  readonly routeSettled: boolean;
  readonly isRemovingPod: boolean;
};

/** Legacy children stay; the number of replicas follows the spec, and missing children are created. */
function planLegacy(
  { statefulSet }: Extract<Migration, { kind: "Keep" }>,
  observed: Observed,
  desired: Desired,
  routes: ServerRoutes,
): Parts {
  // Scaled up, it would start in the legacy layout again: a resume waits until the pod is gone and recreates it.
  const scaling = desiredReplicas(observed) === 0 ? scale(observed, statefulSet, "the server is hibernated") : [];
  const children = desired.kind === "Rendered" ? compareChildren(observed, desired, routes) : undefined;
  const secrets = planMissingSecrets(observed, desired.secrets);
  return {
    plan: [...scaling, ...secrets, ...(children?.actions.filter(suitsLegacyLayout) ?? [])],
    problems: children?.problems ?? [],
    routeSettled: routeChildren(observed).length > 0 || children?.routeSettled === true, // a patch may have removed it
    isRemovingPod: false,
  };
}

function scale(observed: Observed, statefulSet: LiveChild, because: string): readonly Action[] {
  const replicas = desiredReplicas(observed);
  if (replicasOf(statefulSet) === replicas || isTerminating(statefulSet)) return [];
  // Not under the StatefulSet's key: its template may be refused, but its replicas accepted.
  const head = { childKey: "scale", target: targetOf(statefulSet), desiredHash: `replicas-${replicas}`, because };
  return [{ kind: "Scale", ...head, replicas }];
}

function planChildren(
  observed: Observed,
  desired: Desired,
  migration: Exclude<Migration, { kind: "Keep" }>,
  state: PodPlan,
  routes: ServerRoutes,
): Parts {
  const statefulSet = liveStatefulSet(observed);
  if (desired.kind === "Unrenderable") {
    const plan = statefulSet === undefined ? [] : scaleUnrendered(observed, statefulSet, desired.secrets);
    return { plan, problems: [], routeSettled: routeChildren(observed).length > 0, isRemovingPod: false };
  }
  const children = compareChildren(observed, desired, routes);
  const removePod = children.isTemplateCurrent ? podRemoval(observed, state) : [];
  const isStarting = children.isStarting || removePod.length > 0 || migration.kind === "Replace";
  const secrets = secretsFor(observed, desired.secrets, { isStarting, isChangingPods: children.isChangingPods });
  return {
    plan: [
      ...(migration.kind === "Replace" ? removeLegacy(migration, desired) : []),
      ...secrets,
      ...scaleInstead(observed, statefulSet, children.isWithheld),
      ...children.actions,
      ...(removePod.length > 0 ? removePod : touchPolicy(observed, desired, children.actions)),
    ],
    problems: children.problems,
    routeSettled: children.routeSettled,
    isRemovingPod: removePod.length > 0,
  };
}

function secretsFor(
  observed: Observed,
  secrets: readonly SecretManifest[],
  { isStarting, isChangingPods }: { readonly isStarting: boolean; readonly isChangingPods: boolean },
): readonly Action[] {
  const needed = planSecrets(observed, secrets, isStarting);
  return needed.length > 0 || !isChangingPods ? needed : planNamedSecrets(observed, secrets);
}

/** The live template can be started again if its Secret still exists and is the server's. */
function scaleUnrendered(
  observed: Observed,
  statefulSet: LiveChild,
  secrets: readonly SecretManifest[],
): readonly Action[] {
  const scaling = scale(observed, statefulSet, "its template cannot be rendered");
  if (desiredReplicas(observed) === 0) return scaling;
  const isRefused = observed.failures.some(({ kind }) => kind === "Secret");
  return [...planSecrets(observed, secrets, scaling.length > 0), ...(isRefused ? [] : scaling)];
}

/**
 * A StatefulSet that the API server refuses, because of a patch, can still be scaled; one that is withheld, down only,
 * because no pod must start.
 */
function scaleInstead(observed: Observed, statefulSet: LiveChild | undefined, isWithheld: boolean): readonly Action[] {
  if (statefulSet === undefined || isLegacy(statefulSet)) return [];
  if (isWithheld) {
    return desiredReplicas(observed) === 0 ? scale(observed, statefulSet, "something its pod needs is refused") : [];
  }
  const isRefused = observed.failures.some(
    ({ childKey, kind }) => childKey === "statefulset" && kind === "StatefulSet",
  );
  return isRefused ? scale(observed, statefulSet, "its template is refused") : [];
}

/**
 * Makes the kubelet sync the access policy at once: it syncs a ConfigMap volume when its pod changes, and otherwise up to
 * two minutes later. Only pods that were started with a policy have one.
 */
function touchPolicy(observed: Observed, desired: Rendered, writes: readonly Action[]): readonly Action[] {
  // The kubelet must find the new ConfigMap when it syncs.
  if (writes.some((write) => write.kind === "Apply" && write.childKey === "configmap")) return [];
  const pod = activePod(observed);
  const known = pod?.metadata.annotations?.[ANNOTATIONS.accessPolicyHash];
  const wanted = desired.accessPolicyHash;
  if (pod === undefined || known === undefined || wanted === undefined || known === wanted) return [];
  const operation = { op: "replace", path: annotationPath(ANNOTATIONS.accessPolicyHash), value: wanted };
  return [patchMetadata(podTarget(pod), pod.metadata.annotations, [operation], "the access policy has changed")];
}

function podRemoval(observed: Observed, { restartReason: reason }: PodPlan): readonly Action[] {
  const pod = activePod(observed);
  if (pod === undefined || desiredReplicas(observed) === 0) return [];
  const because = reason ?? outdatedBeforeReady(observed, pod);
  if (because === undefined) return [];
  return [{ kind: "RemovePod", childKey: "pod", target: podTarget(pod), desiredHash: "", because }];
}
