import type { Kind, KubeObject } from "@amalthea/kube";
import type { Pod } from "kubernetes-types/core/v1.js";
import { LABELS } from "@amalthea/api";
import { hasOwnRoute, isRouteChild, routesServedBy } from "../decide/live/routes.ts";
import { startedWithOf } from "../decide/live/started-with.ts";
import { controllingServer, parentUids } from "./owner.ts";
import type { ServedRoutes } from "./route-index.ts";

/** The routes that a child leads from, or the one that a pod was started for; undefined for every other object. */
export function servedRoutesOf(
  { apiVersion, kind }: Pick<Kind, "apiVersion" | "kind">,
  object: KubeObject,
): ServedRoutes | undefined {
  if (isRouteChild({ apiVersion, kind })) return childRoutes({ ...object, apiVersion, kind });
  return kind === "Pod" ? podRoute(object) : undefined;
}

function childRoutes(child: KubeObject): ServedRoutes | undefined {
  const uid = controllingServer(child);
  if (uid === undefined) return undefined;
  const { namespace = "", labels = {} } = child.metadata ?? {};
  const isOwn = hasOwnRoute({ childKey: labels[LABELS.childKey] ?? "" });
  return { namespace, uid, routes: routesServedBy(child), by: isOwn ? "Ingress" : "AddedIngress" };
}

function podRoute(pod: KubeObject): ServedRoutes | undefined {
  const uid = parentUids(pod)[0];
  const route = startedWithOf(pod as Pod)?.route;
  if (uid === undefined || route === undefined) return undefined;
  const { namespace = "" } = pod.metadata ?? {};
  return { namespace, uid, routes: [{ host: route.host, path: route.path, isPattern: false }], by: "Pod" };
}
