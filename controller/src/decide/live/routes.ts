import { normalizePath, type Route } from "@amalthea/api";
import { isObject, listOf, objectOf, valueAt } from "../values/json.ts";
import { isTerminating } from "./child.ts";
import { groupKind } from "../values/group-kind.ts";
import type { LiveChild, Observed } from "./observed.ts";

/** Where requests come from that a child leads to the server. */
export type HostAndPath = {
  /** Undefined: every host. */
  readonly host: string | undefined;
  /** As it was written; compare with `normalizePath`. */
  readonly path: string;
};

type Routing = { readonly apiVersion?: unknown; readonly kind?: unknown };

/** Whether a child leads requests to a Service: today an Ingress. */
export function isRouteChild(child: Routing): boolean {
  return groupKind(child) === "networking.k8s.io/Ingress";
}

/** Every host and path from which a child leads requests anywhere; its backends are not looked at. */
export function routesServedBy(child: Routing & { readonly spec?: unknown }): readonly HostAndPath[] {
  if (!isRouteChild(child)) return [];
  return listOf(valueAt(child.spec, "rules"))
    .filter(isObject)
    .flatMap(({ host, http }) =>
      listOf(objectOf(http)["paths"]).map((entry) => ({
        host: textOf(host),
        path: textOf(objectOf(entry)["path"]) ?? "/",
      })),
    );
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** Whether a child leads requests for a route anywhere. */
export function servesRoute(child: LiveChild, { host, path }: Pick<Route, "host" | "path">): boolean {
  return routesServedBy(child).some((served) => served.host === host && normalizePath(served.path) === path);
}

/** The live children that lead requests to the server. */
export function routeChildren(observed: Observed): readonly LiveChild[] {
  return observed.children.filter((child) => isRouteChild(child) && !isTerminating(child));
}
