import type { ContainerStates, JupyterServerStatus, ServerState } from "@amalthea/api";
import { CLIENT_ANNOTATIONS } from "@amalthea/api";
import { conditionList } from "./conditions.ts";
import { allWaiting, containerStates } from "./pod/container-states.ts";
import type { ServerEvent } from "../decision.ts";
import type { Observed } from "../live/observed.ts";
import type { PlanFacts } from "../facts.ts";
import { recordedViolations } from "../policy/record.ts";
import type { DecisionSettings } from "../settings.ts";
import { eventsBetween } from "./events.ts";
import { createdResources, mirroredChildren, mirroredPod, obstacleEvents } from "./mirror.ts";
import { paced } from "./pace.ts";
import { clientTime, earliest, kubernetesTime } from "../values/time.ts";
import { verdictOf, type Verdict } from "./verdict.ts";

/** What status needs of the settings. */
export type StatusSettings = Pick<
  DecisionSettings,
  "policy" | "unschedulableGraceSeconds" | "initContainerRestartLimit" | "containerRestartLimit" | "annotationPrefix"
>;

/** The status of a server, and what follows from its change. */
export type StatusDecision = {
  /** Complete; the previous one itself when there is nothing to write. */
  readonly status: JupyterServerStatus;
  readonly events: readonly ServerEvent[];
  /** Seconds until time alone changes the status; undefined when it does not. */
  readonly checkAgainSeconds: number | undefined;
};

/** Derives the complete status from what is seen now; of the previous status only times of transition are kept. */
export function statusOf(observed: Observed, facts: PlanFacts, settings: StatusSettings, now: Date): StatusDecision {
  const verdict = verdictOf(observed, facts, settings, now);
  const previous = observed.server.status;
  const fresh = freshStatus(observed, facts, verdict, settings, now);
  const { status, dueInSeconds } = paced(previous, fresh, observed.pod, now);
  const events = eventsBetween(previous, status);
  return { status, events, checkAgainSeconds: earliest(verdict.changesInSeconds, dueInSeconds) };
}

function freshStatus(
  observed: Observed,
  facts: PlanFacts,
  verdict: Verdict,
  settings: StatusSettings,
  now: Date,
): JupyterServerStatus {
  const { server } = observed;
  const generation = server.metadata.generation;
  const children = mirroredChildren(observed);
  const mainPod = mirroredPod(observed);
  const states = statesOfContainers(observed, settings);
  const url = facts.route?.url;
  const toleratedViolations = recordedViolations(observed, settings.policy);
  const context = { now: kubernetesTime(now), generation, previous: server.status?.conditions };
  const conditions = conditionList(observed, facts, verdict, context);
  const events = obstacleEvents(verdict.state, conditions);
  return {
    state: verdict.state,
    observedGeneration: generation,
    conditions,
    ...(url === undefined ? {} : { url }),
    ...(toleratedViolations === undefined ? {} : { toleratedViolations }),
    create_fn: { ...createdResources(children), ...(url === undefined ? {} : { fullServerURL: url }) },
    children,
    ...(mainPod === undefined ? {} : { mainPod }),
    ...(states === undefined ? {} : { containerStates: states }),
    ...(events === undefined ? {} : { events }),
    ...sinceOf(observed, verdict.state, settings, now),
  };
}

function statesOfContainers(observed: Observed, settings: StatusSettings): ContainerStates | undefined {
  const seen = containerStates(observed.pod, settings);
  if (!observed.server.spec.jupyterServer.hibernated) return seen;
  return allWaiting(seen ?? observed.server.status?.containerStates);
}

type Since = Pick<JupyterServerStatus, "startingSince" | "failedSince" | "hibernatedSince">;

/** When the server entered its state; the times of other states are cleared. */
function sinceOf({ server }: Observed, state: ServerState, settings: StatusSettings, now: Date): Since {
  const before = server.status?.state === state ? server.status : undefined;
  switch (state) {
    case "starting":
      return { startingSince: before?.startingSince ?? clientTime(now) };
    case "failed":
      return { failedSince: before?.failedSince ?? clientTime(now) };
    case "hibernated":
      return { hibernatedSince: before?.hibernatedSince ?? annotatedSince(server.metadata.annotations, settings, now) };
    case "running":
    case "stopping":
      return {};
  }
}

/** Clients write the date of a hibernation before or with it; a server that 0.24 hibernated has it, too. */
function annotatedSince(
  annotations: Readonly<Record<string, string>> | undefined,
  { annotationPrefix }: StatusSettings,
  now: Date,
): string {
  const date = new Date(annotations?.[`${annotationPrefix}/${CLIENT_ANNOTATIONS.hibernationDate}`] ?? "");
  return clientTime(Number.isNaN(date.getTime()) || date > now ? now : date);
}
