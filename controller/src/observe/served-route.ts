import type { KubeObject } from "@amalthea/kube";
import type { Pod } from "kubernetes-types/core/v1.js";
import { listOf, valueAt } from "../decide/values/json.ts";
import { startedWithOf } from "../decide/live/started-with.ts";
import { controllingServer, parentUids } from "./owner.ts";
import type { ServedRoute } from "./route-index.ts";

/** The route that an Ingress leads from, or that a pod was started for; undefined for every other object. */
export function servedRouteOf(kind: string, object: KubeObject): ServedRoute | undefined {
  switch (kind) {
    case "Ingress":
      return ingressRoute(object);
    case "Pod":
      return podRoute(object);
    default:
      return undefined;
  }
}

function ingressRoute(ingress: KubeObject): ServedRoute | undefined {
  const uid = controllingServer(ingress);
  const rule = listOf(valueAt(ingress, "spec", "rules"))[0];
  const host = valueAt(rule, "host");
  const path = valueAt(listOf(valueAt(rule, "http", "paths"))[0], "path");
  if (uid === undefined || typeof host !== "string" || typeof path !== "string") return undefined;
  return { uid, host, path, by: "Ingress" };
}

function podRoute(pod: KubeObject): ServedRoute | undefined {
  const uid = parentUids(pod)[0];
  const route = startedWithOf(pod as Pod)?.route;
  return uid === undefined || route === undefined ? undefined : { uid, host: route.host, path: route.path, by: "Pod" };
}
