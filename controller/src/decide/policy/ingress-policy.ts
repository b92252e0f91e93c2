import { isPathWithin } from "@amalthea/api";
import type { HostAndPath } from "../live/observed.ts";
import { certificateHosts, hasOwnRoute, hasUnknownHosts, routesServedBy, type Specified } from "../live/routes.ts";
import { groupKind } from "../values/group-kind.ts";
import type { Excess } from "./pod-limits.ts";
import { matchesAny } from "../values/pattern.ts";
import type { NamespacePolicy, PolicySettings } from "./policy-settings.ts";

/** A server, as far as its allowed hosts and paths are concerned. */
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

/** A rule that would capture another server's requests. */
type TakenRule = { readonly kind: "RuleTaken"; readonly route: string; readonly holder: string };

/** A path that programs compare in different forms. */
type UnclearPath = { readonly kind: "ChildInvalid"; readonly reason: string };

/** What is wrong with the rules of an Ingress and the certificate in a Secret; empty for any other child. */
export function routeFindings(
  childKey: string,
  child: Specified,
  policy: RoutePolicy,
): readonly (UnclearPath | TakenRule | (Excess & { readonly kind: "NotAllowed" }))[] {
  const isOwn = ({ host, path }: HostAndPath): boolean =>
    hasOwnRoute({ childKey }) && policy.ownRoutes.some((own) => own.host === host && own.path === path);
  const rules = routesServedBy(child).filter((rule) => !isOwn(rule));
  const isIngress = groupKind(child) !== "/Secret";
  const certified = certificateHosts(child);
  return [
    ...rules.flatMap(unclearPath),
    ...[
      ...rules.flatMap((rule) => routeExcess(rule, "spec.rules", policy)),
      // A certificate covers a host as a whole.
      ...certified
        .filter((host) => isIngress || host.includes(".") || host === "*") // of a person or an authority, more likely
        .flatMap((host) => routeExcess(certificateRoute(host), isIngress ? "spec.tls" : CERTIFICATE_FIELD, policy)),
      ...unknownHosts(child, policy),
    ].map((excess) => ({ kind: "NotAllowed", ...excess }) as const),
    ...rules.flatMap((rule) => takenRule(rule, rule, policy)),
    ...strangeHosts(childKey, child, certified).flatMap((host) => takenRule(host, { ...host, path: "/" }, policy)),
  ];
}

/** Ingress controllers decode and normalise such a path differently: what it matches cannot be compared. */
function unclearPath({ path }: HostAndPath): readonly UnclearPath[] {
  if (!/%|(^|\/)\.\.?(\/|$)/.test(path)) return [];
  return [
    {
      kind: "ChildInvalid",
      reason: `the path ${path} of a rule must have no percent-encoding and no segments . or ..`,
    },
  ];
}

const CERTIFICATE_FIELD = "data[tls.crt]";

/** An ingress controller, which is made with another library, may be able to read what we cannot. */
function unknownHosts(child: Specified, policy: RoutePolicy): readonly Excess[] {
  if (allowedRoutes(policy) === undefined || !hasUnknownHosts(child)) return [];
  const detail = "a certificate cannot be read, so its hosts are not known";
  return [{ field: CERTIFICATE_FIELD, detail, setting: "routes.allowed" }];
}

function takenRule(shown: HostAndPath, rule: HostAndPath, { takenBy }: RoutePolicy): readonly TakenRule[] {
  const holder = takenBy(rule);
  if (holder === undefined) return [];
  const what = shown.path === ANY_PATH ? "certificate" : "rule";
  const route = shown.host === undefined ? `A host of a ${what} for ${textOf(shown)}` : textOf(shown);
  return [{ kind: "RuleTaken", route, holder }];
}

/**
 * Hosts for which a child brings a certificate and has no rule: some ingress controllers show it there all the same. A
 * wildcard is for other hosts than those of the rules, too; in the server's own Ingress it is the usual certificate of
 * clusters that give each server a host.
 */
function strangeHosts(childKey: string, child: Specified, certified: readonly string[]): readonly HostAndPath[] {
  const own = routesServedBy(child).flatMap(({ host }) => host?.toLowerCase() ?? []);
  const isOwn = (host: string): boolean =>
    hasOwnRoute({ childKey }) ? own.some((one) => isHostWithin(one, host)) : own.includes(host);
  return certified.filter((host) => !isOwn(host.toLowerCase())).map(certificateRoute);
}

function certificateRoute(host: string): HostAndPath {
  return { host: host === "*" ? undefined : host, path: ANY_PATH, isPattern: false };
}

/** Stands for some path of a host: a certificate is allowed where any path of its host is. */
const ANY_PATH = "*";

/** Why a host and path are not allowed in the server's namespace; empty if they are. */
export function routeExcess(
  route: Pick<HostAndPath, "host" | "path">,
  field: string,
  { settings, namespace, server }: Pick<RoutePolicy, "settings" | "namespace" | "server">,
): readonly Excess[] {
  const allowed = allowedRoutes({ settings, namespace });
  if (allowed === undefined || allowed.some((pattern) => isWithin(route, filledIn(pattern, server)))) return [];
  const detail = `${textOf(route)} is not among the allowed routes of the namespace ${server.namespace}`;
  return [{ field, detail, setting: "routes.allowed" }];
}

/** Patterns of the routes that are allowed; undefined if all are. */
function allowedRoutes({
  settings: { routes },
  namespace,
}: Pick<RoutePolicy, "settings" | "namespace">): readonly string[] | undefined {
  const allowed = [...routes.allowed, ...(namespace.routes ?? [])];
  return allowed.length === 0 && !routes.namespaceAnnotation ? undefined : allowed;
}

function textOf({ host, path }: Pick<HostAndPath, "host" | "path">): string {
  const shown = path === ANY_PATH ? "" : path;
  return host === undefined ? `every host${["", "/"].includes(shown) ? "" : ` at ${shown}`}` : host + shown;
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
