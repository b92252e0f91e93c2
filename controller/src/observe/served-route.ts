import type { Kind, KubeObject } from "@amalthea/kube";
import type { Pod } from "kubernetes-types/core/v1.js";
import { isRouteChild, routesServedBy } from "../decide/live/routes.ts";
import { startedWithOf } from "../decide/live/started-with.ts";
import { controllingServer, parentUids } from "./owner.ts";
import type { ServedRoute } from "./route-index.ts";

/** The route that a child leads from, or that a pod was started for; undefined for every other object. */
export function servedRouteOf(
  { apiVersion, kind }: Pick<Kind, "apiVersion" | "kind">,
  object: KubeObject,
): ServedRoute | undefined {
  if (isRouteChild({ apiVersion, kind })) return childRoute({ ...object, apiVersion, kind });
  return kind === "Pod" ? podRoute(object) : undefined;
}

function childRoute(child: KubeObject): ServedRoute | undefined {
  const uid = controllingServer(child);
  const { host, path } = routesServedBy(child)[0] ?? {};
  return uid === undefined || host === undefined || path === undefined ? undefined : { uid, host, path, by: "Ingress" };
}

function podRoute(pod: KubeObject): ServedRoute | undefined {
  const uid = parentUids(pod)[0];
  const route = startedWithOf(pod as Pod)?.route;
  return uid === undefined || route === undefined ? undefined : { uid, host: route.host, path: route.path, by: "Pod" };
}
