import { routeOf, type Route } from "@amalthea/api";
import { legacyRoute } from "../takeover/differing-fields.ts";
import { hasLegacyLayout } from "../takeover/legacy.ts";
import type { ServerRoutes } from "../children/child-context.ts";
import { templateAnnotations } from "../live/child.ts";
import type { Observed } from "../live/observed.ts";
import { activePod } from "../live/pod.ts";
import { startedWithIn, startedWithOf, type StartedWith } from "../live/started-with.ts";
import { routeChildren, servesRoute } from "../live/routes.ts";

/** The routes of a server, from its spec, its pod and its children. */
export function routesOf(observed: Observed): ServerRoutes {
  const wanted = routeOf(observed.server);
  const started = startedWithOf(activePod(observed));
  const old = hasLegacyLayout(observed) ? legacyRoute(observed) : undefined;
  const held = started ?? (old === undefined ? nextStart(observed) : undefined);
  const isMoveRefused = observed.routeHolder !== undefined && isElsewhere(held?.route ?? old, wanted);
  const kept = isMoveRefused ? held : undefined;
  return { wanted, served: (started ?? kept)?.route ?? old ?? wanted, isMoveRefused, kept };
}

/** What the StatefulSet starts the next pod with, if the server's Ingress serves that route: otherwise it has none. */
function nextStart(observed: Observed): StartedWith | undefined {
  const next = startedWithIn(templateAnnotations(observed));
  const isServed = next !== undefined && routeChildren(observed).some((child) => servesRoute(child, next.route));
  return isServed ? next : undefined;
}

function isElsewhere(route: Route | undefined, wanted: Route | undefined): boolean {
  return route !== undefined && wanted !== undefined && (route.host !== wanted.host || route.path !== wanted.path);
}
