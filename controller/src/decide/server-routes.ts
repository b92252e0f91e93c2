import { routeOf, type Route } from "@amalthea/api";
import { predecessorsRoute } from "./adoption-fields.ts";
import { valueAt } from "./json.ts";
import { isPredecessors, isTerminating, liveStatefulSet } from "./live-child.ts";
import type { Observed } from "./observed.ts";
import { lastingPod } from "./running-pod.ts";
import { startedWithIn, startedWithOf, type StartedWith } from "./started-with.ts";
import { leadsFrom } from "./status-route.ts";

/** Where a server is reached, and where its spec wants it. */
export type ServerRoutes = {
  /** What the spec asks for; undefined without a host. */
  readonly wanted: Route | undefined;
  /** Where the server is reached now: as its pod was started, else as the next one will be. */
  readonly served: Route | undefined;
  /**
   * Another server has the wanted route, while this one has another that it would lose: the move is refused, and
   * whatever else changes or restarts the server leaves it where it is.
   */
  readonly isMoveRefused: boolean;
  /** What a new pod takes its route from when the move is refused; undefined in the predecessor's layout. */
  readonly kept: StartedWith | undefined;
};

/** The routes of a server, as far as its spec, its pod and its children tell. */
export function routesOf(observed: Observed): ServerRoutes {
  const wanted = routeOf(observed.server);
  const started = startedWithOf(lastingPod(observed));
  const old = isLeftByPredecessor(observed) ? predecessorsRoute(observed) : undefined;
  const held = started ?? (old === undefined ? nextStart(observed) : undefined);
  const isMoveRefused = observed.routeHolder !== undefined && isElsewhere(held?.route ?? old, wanted);
  const kept = isMoveRefused ? held : undefined;
  return { wanted, served: (started ?? kept)?.route ?? old ?? wanted, isMoveRefused, kept };
}

/** Whether the server's StatefulSet is the one that the predecessor made. */
export function isLeftByPredecessor(observed: Observed): boolean {
  const statefulSet = liveStatefulSet(observed);
  return statefulSet !== undefined && isPredecessors(statefulSet);
}

/** What the StatefulSet starts the next pod with, if the server's Ingress leads there: without one, it holds no route. */
function nextStart(observed: Observed): StartedWith | undefined {
  const template = valueAt(liveStatefulSet(observed)?.spec, "template", "metadata", "annotations");
  const next = startedWithIn(template);
  const ingress = observed.children.find((child) => child.kind === "Ingress" && !isTerminating(child));
  return next !== undefined && ingress !== undefined && leadsFrom(ingress, next.route) ? next : undefined;
}

function isElsewhere(route: Route | undefined, wanted: Route | undefined): boolean {
  return route !== undefined && wanted !== undefined && (route.host !== wanted.host || route.path !== wanted.path);
}
