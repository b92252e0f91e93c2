import type { ContainerStates, JupyterServerStatus, ServerState } from "@amalthea/api";
import { CLIENT_ANNOTATIONS, type ConditionContext } from "@amalthea/api";
import { conditionList } from "./conditions.ts";
import { allWaiting, containerStates } from "./pod/container-states.ts";
import type { ServerEvent } from "../decision.ts";
import type { Observed } from "../live/observed.ts";
import type { PlanFacts } from "../facts.ts";
import { recordedViolations } from "../policy/policy.ts";
import type { DecisionSettings } from "../settings.ts";
import { eventsBetween } from "./events.ts";
import { filesLost } from "./lost-files.ts";
import { createdResources, mirroredChildren, mirroredPod, obstacleEvents } from "./mirror.ts";
import { paced } from "./pace.ts";
import { objectOf } from "../values/json.ts";
import { clientTime, earliest, kubernetesTime } from "../values/time.ts";
import { verdictOf, type Verdict } from "./verdict.ts";
import { decideCulling, type CullingDecision } from "../culling/culling.ts";
import { isResumedUnseen } from "../culling/hibernated-by.ts";
import { wasNeverReady } from "../live/pod.ts";
import { runOf } from "./run.ts";

/** The status of a server, and what follows from its change. */
export type StatusDecision = {
  /** Complete; the previous one itself when there is nothing to write. */
  readonly status: JupyterServerStatus;
  readonly events: readonly ServerEvent[];
  readonly culling: CullingDecision;
  /** Seconds until time alone changes the status, or a limit is reached; undefined when neither happens. */
  readonly checkAgainSeconds: number | undefined;
};

/** Derives the complete status from what is observed now; only transition times are kept from the previous status. */
export function statusOf(observed: Observed, facts: PlanFacts, settings: DecisionSettings, now: Date): StatusDecision {
  const verdict = verdictOf(observed, facts, settings, now);
  const previous = observed.server.status;
  const { fresh, culling } = freshStatus(observed, facts, verdict, settings, now);
  const { status, dueInSeconds } = paced(previous, fresh, observed.pod, now);
  const events = eventsBetween(previous, status);
  const changesInSeconds = earliest(verdict.changesInSeconds, culling.checkAgainSeconds);
  return { status, events, culling, checkAgainSeconds: earliest(changesInSeconds, dueInSeconds) };
}

function freshStatus(
  observed: Observed,
  facts: PlanFacts,
  verdict: Verdict,
  settings: DecisionSettings,
  now: Date,
): { readonly fresh: JupyterServerStatus; readonly culling: CullingDecision } {
  const { server } = observed;
  const generation = server.metadata.generation;
  const children = mirroredChildren(observed);
  const mainPod = mirroredPod(observed);
  const states = statesOfContainers(observed, settings);
  const url = isSomebodyElses(facts) ? undefined : facts.route?.url;
  const toleratedViolations = recordedViolations(observed, settings.policy);
  const context = { now: kubernetesTime(now), generation, previous: server.status?.conditions };
  const lost = filesLost(observed, facts, now);
  const since = { ...sinceOf(observed, verdict.state, settings, now), ...runOf(observed, verdict.state, now) };
  const readySince = readySinceOf(verdict, context);
  const input = { observed, since: { ...since, state: verdict.state, readySince }, basePath: facts.route?.path };
  const culling = decideCulling(input, settings, now);
  const conditions = conditionList(observed, { facts, verdict, notices: culling.notices, filesLost: lost }, context);
  const events = obstacleEvents(verdict.state, conditions);
  const fresh = {
    state: verdict.state,
    observedGeneration: generation,
    conditions,
    ...(url === undefined ? {} : { url }),
    ...(toleratedViolations === undefined ? {} : { toleratedViolations }),
    ...(lost === undefined ? {} : { filesLost: lost }),
    create_fn: { ...createdResources(children), ...(url === undefined ? {} : { fullServerURL: url }) },
    children,
    ...(mainPod === undefined ? {} : { mainPod }),
    ...(states === undefined ? {} : { containerStates: states }),
    ...(events === undefined ? {} : { events }),
    ...since,
    ...culling.shown,
  };
  return { fresh, culling };
}

/** Whether the server's address is the one of another server, and it has none of its own. */
function isSomebodyElses({ problems }: PlanFacts): boolean {
  return problems.some((problem) => problem.kind === "RouteTaken" && problem.keptUrl === undefined);
}

/** Since when the server is ready; undefined while it is not. */
function readySinceOf({ ready }: Verdict, { previous, now }: ConditionContext): string | undefined {
  if (ready.status !== "True") return undefined;
  const before = previous?.find(({ type }) => type === "Ready");
  return before?.status === "True" ? before.lastTransitionTime : now;
}

function statesOfContainers(observed: Observed, settings: DecisionSettings): ContainerStates | undefined {
  const seen = containerStates(observed.pod, settings);
  if (!observed.server.spec.jupyterServer.hibernated) return seen;
  return allWaiting(seen ?? observed.server.status?.containerStates);
}

type Since = Pick<JupyterServerStatus, "startingSince" | "failedSince" | "hibernatedSince">;

/** When the server entered its state; the times of other states are cleared. */
function sinceOf(observed: Observed, state: ServerState, settings: DecisionSettings, now: Date): Since {
  const { server } = observed;
  const before = statusIn(state, server);
  switch (state) {
    case "starting":
      return { startingSince: (isStartingAgain(observed) ? undefined : before?.startingSince) ?? clientTime(now) };
    case "failed":
      return { failedSince: before?.failedSince ?? clientTime(now) };
    case "hibernated":
      return { hibernatedSince: before?.hibernatedSince ?? annotatedSince(server, settings, now) };
    case "running":
    case "stopping":
      return {};
  }
}

/** The status as long as the server stays in a state. */
function statusIn(state: ServerState, server: Observed["server"]): JupyterServerStatus | undefined {
  return server.status?.state === state && !isResumedUnseen(server) ? server.status : undefined;
}

/** Whether the pod in the status was ready once and is gone: the next one's start begins now. */
function isStartingAgain({ server, pod }: Observed): boolean {
  const before = server.status?.mainPod;
  if (before === undefined || before.uid === pod?.metadata.uid) return false;
  return !wasNeverReady({ status: objectOf(before.status) });
}

/**
 * Clients write the date of a hibernation before or with it; a server that 0.24 hibernated has it, too. A date from
 * before the run that ends now is left over from an earlier hibernation, and one from before the server's creation from
 * the server that it is a copy of: a backup that was restored.
 */
function annotatedSince(
  { metadata, status }: Observed["server"],
  { annotationPrefix }: DecisionSettings,
  now: Date,
): string {
  const date = new Date(metadata.annotations?.[`${annotationPrefix}/${CLIENT_ANNOTATIONS.hibernationDate}`] ?? "");
  const isOld = date < new Date(status?.startedAt ?? 0) || date < new Date(metadata.creationTimestamp);
  return clientTime(Number.isNaN(date.getTime()) || date > now || isOld ? now : date);
}
