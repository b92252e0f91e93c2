import { normalizePath } from "@amalthea/api";
import { isObject, listOf, objectOf } from "./json.ts";
import type { LiveChild, Observed } from "./observed.ts";
import type { PlanFacts } from "./plan-facts.ts";

/**
 * Whether requests for the server's address reach its Service. An Ingress that leads there counts also while something
 * else about it is being changed, such as a label: a running server must not seem to be down for a moment.
 */
export function isRouted(observed: Observed, facts: PlanFacts): boolean {
  if (facts.route === undefined) return false;
  if (facts.desiredIngressSettled) return true;
  const { host, path } = facts.route;
  return observed.children.some((child) => isLiveIngress(child) && leadsTo(child, host, path));
}

function isLiveIngress({ kind, apiVersion, metadata }: LiveChild): boolean {
  return kind === "Ingress" && apiVersion === "networking.k8s.io/v1" && metadata.deletionTimestamp === undefined;
}

function leadsTo(ingress: LiveChild, host: string, path: string): boolean {
  return listOf(ingress.spec?.["rules"]).some(
    (rule) =>
      isObject(rule) &&
      rule["host"] === host &&
      listOf(objectOf(rule["http"])["paths"]).some((entry) => normalizePath(String(objectOf(entry)["path"])) === path),
  );
}
