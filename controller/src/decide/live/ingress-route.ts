import { normalizePath, type Route } from "@amalthea/api";
import { isObject, listOf, objectOf } from "../values/json.ts";
import type { LiveChild, Observed } from "./observed.ts";
import type { PlanFacts } from "../facts.ts";

/**
 * Whether requests for the server's address reach its Service. An Ingress that leads there counts also while something
 * else about it is being changed, such as a label: a running server must not seem to be down for a moment.
 */
export function isRouted(observed: Observed, facts: PlanFacts): boolean {
  if (facts.route === undefined) return false;
  if (facts.desiredIngressSettled) return true;
  const { route } = facts;
  return observed.children.some((child) => isLiveIngress(child) && leadsFrom(child, route));
}

function isLiveIngress({ kind, apiVersion, metadata }: LiveChild): boolean {
  return kind === "Ingress" && apiVersion === "networking.k8s.io/v1" && metadata.deletionTimestamp === undefined;
}

/** Whether an Ingress sends requests for a route anywhere; its backend is not looked at. */
export function leadsFrom(ingress: LiveChild, { host, path }: Pick<Route, "host" | "path">): boolean {
  return listOf(ingress.spec?.["rules"]).some(
    (rule) =>
      isObject(rule) &&
      rule["host"] === host &&
      listOf(objectOf(rule["http"])["paths"]).some((entry) => normalizePath(String(objectOf(entry)["path"])) === path),
  );
}
