import { isPathWithin } from "@amalthea/api";
import type { HostAndPath } from "../live/observed.ts";
import { routesServedBy } from "../live/routes.ts";
import { isObject, listOf, valueAt } from "../values/json.ts";
import type { Excess } from "./pod-limits.ts";
import { matchesAny } from "../values/pattern.ts";
import type { NamespacePolicy, PolicySettings } from "./policy-settings.ts";

/** A server, as far as hosts and paths are allowed to it. */
export type RouteOwner = { readonly namespace: string; readonly name: string };

export type RoutePolicy = {
  readonly settings: PolicySettings;
  readonly namespace: NamespacePolicy;
  readonly server: RouteOwner;
  /** The server's own host and path, now and at its next start: whether another server has them is decided before. */
  readonly ownRoutes: readonly Pick<HostAndPath, "host" | "path">[];
  /** The other server, `namespace/name`, whose requests a rule would take. */
  readonly takenBy: (rule: HostAndPath) => string | undefined;
};

/** A rule that another server's requests would follow. */
export type TakenRule = { readonly kind: "RouteTaken"; readonly route: string; readonly holder: string };

/** What is wrong with the rules of an Ingress; empty for any other child. */
export function routeFindings(
  childKey: string,
  child: { readonly kind?: unknown; readonly apiVersion?: unknown; readonly spec?: unknown },
  policy: RoutePolicy,
): readonly (TakenRule | (Excess & { readonly kind: "Excess" }))[] {
  const isOwn = ({ host, path }: HostAndPath): boolean =>
    childKey === "ingress" && policy.ownRoutes.some((own) => own.host === host && own.path === path);
  const rules = routesServedBy(child).filter((rule) => !isOwn(rule));
  return [
    ...[...rules, ...certificateHosts(child.spec)]
      .flatMap((rule) => routeExcess(rule, "spec.rules", policy))
      .map((excess) => ({ kind: "Excess", ...excess }) as const),
    ...rules.flatMap((rule): readonly TakenRule[] => {
      const holder = policy.takenBy(rule);
      return holder === undefined ? [] : [{ kind: "RouteTaken", route: textOf(rule), holder }];
    }),
  ];
}

/** Whoever brings the certificate of a host speaks for it as a whole. */
function certificateHosts(spec: unknown): readonly HostAndPath[] {
  return listOf(valueAt(spec, "tls"))
    .flatMap((entry) => listOf(valueAt(entry, "hosts")))
    .flatMap((host) => (typeof host === "string" ? [{ host, path: ANY_PATH, isPattern: false }] : []));
}

/** Stands for some path of a host: a certificate is allowed where any path of its host is. */
const ANY_PATH = "*";

/** Why a host and path are not allowed in the server's namespace; empty if they are. */
export function routeExcess(
  route: Pick<HostAndPath, "host" | "path">,
  field: string,
  { settings: { routes }, namespace, server }: Pick<RoutePolicy, "settings" | "namespace" | "server">,
): readonly Excess[] {
  const allowed = [...routes.allowed, ...(namespace.routes ?? [])];
  if (allowed.length === 0 && !routes.namespaceAnnotation) return [];
  if (allowed.some((pattern) => isWithin(route, filledIn(pattern, server)))) return [];
  const detail = `${textOf(route)} is not among the routes of the namespace ${server.namespace}`;
  return [{ field, detail, setting: "routes.allowed" }];
}

function textOf({ host, path }: Pick<HostAndPath, "host" | "path">): string {
  return `${host ?? "every host"}${path === ANY_PATH ? "" : path}`;
}

function filledIn(pattern: string, { namespace, name }: RouteOwner): string {
  return pattern.replaceAll("{namespace}", namespace).replaceAll("{name}", name);
}

function isWithin({ host, path }: Pick<HostAndPath, "host" | "path">, pattern: string): boolean {
  const slash = pattern.indexOf("/");
  const [hostPattern, prefix] = slash < 0 ? [pattern, "/"] : [pattern.slice(0, slash), pattern.slice(slash)];
  if (host === undefined || !isHostWithin(host.toLowerCase(), hostPattern.toLowerCase())) return false;
  return path === ANY_PATH || isPathWithin(path, prefix);
}

/** `*` stands for characters of one label. */
function isHostWithin(host: string, pattern: string): boolean {
  const [labels, patterns] = [host.split("."), pattern.split(".")];
  if (labels.length !== patterns.length) return false;
  return labels.every((label, index) => matchesAny(label, [patterns[index] ?? ""]));
}

/** Annotations of an Ingress, and the names of those that are left out. */
export type AllowedAnnotations = { readonly annotations: object; readonly refused: readonly string[] };

/** Leaves out the annotations of an Ingress that are not allowed; undefined if there are none such. */
export function allowedAnnotations(
  annotations: unknown,
  { denied, allowed }: PolicySettings["ingressAnnotations"],
): AllowedAnnotations | undefined {
  if (!isObject(annotations)) return undefined;
  const isRefused = (name: string): boolean => matchesAny(name, denied) && !matchesAny(name, allowed);
  const refused = Object.keys(annotations).filter(isRefused).toSorted();
  if (refused.length === 0) return undefined;
  const kept = Object.entries(annotations).filter(([name]) => !refused.includes(name));
  return { annotations: Object.fromEntries(kept), refused };
}
