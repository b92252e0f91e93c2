import { normalizePath, type ChildKey, type Route } from "@amalthea/api";
import { isObject, listOf, objectOf, valueAt, type JsonObject } from "../values/json.ts";
import { isTerminating } from "./child.ts";
import { earliest } from "../values/time.ts";
import { hasUnreadableCertificate, hostsOfCertificates } from "../values/certificate.ts";
import { groupKind, type OfKind } from "../values/group-kind.ts";
import type { HostAndPath, LiveChild, Observed, RouteNeeds } from "./observed.ts";

/** Keys of our own children that route requests from outside to the server's Service. */
const ROUTE_KEYS: readonly string[] = ["ingress"] satisfies readonly ChildKey[];

/** Whether a child has the server's own route, as opposed to one that a patch added. */
export function hasOwnRoute({ childKey }: { readonly childKey: string }): boolean {
  return ROUTE_KEYS.includes(childKey);
}

/** Children without which no request reaches the pod, by their keys. */
export const NEEDED_BY_ROUTES: readonly string[] = ["service", ...ROUTE_KEYS];

/** A manifest or a live object. */
export type Specified = OfKind & {
  readonly spec?: unknown;
  /** Of a Secret. */
  readonly data?: unknown;
  readonly stringData?: unknown;
};

/** Whether a child routes requests from outside to a Service: today an Ingress. */
export function isRouteChild(child: OfKind): boolean {
  return groupKind(child) === "networking.k8s.io/Ingress";
}

/**
 * Every host and path from which a child leads requests anywhere, in their order, its default backend last; where they
 * lead is not looked at.
 */
export function routesServedBy(child: Specified): readonly HostAndPath[] {
  if (!isRouteChild(child)) return [];
  const rules = listOf(valueAt(child.spec, "rules")).filter(isObject);
  const isDefault = isObject(valueAt(child.spec, "defaultBackend"));
  return [...rules.flatMap(routesOfRule), ...(isDefault ? [EVERYTHING] : [])];
}

/**
 * The hosts that an Ingress names certificates for, and those that the certificate in a Secret is for: traefik shows it
 * to everybody who asks for one of them, whatever the Ingress says.
 */
export function certificateHosts(child: Specified): readonly string[] {
  if (groupKind(child) === "/Secret") return certificatesIn(child).flatMap(hostsOfCertificates);
  if (!isRouteChild(child)) return [];
  return listOf(valueAt(child.spec, "tls"))
    .flatMap((entry) => listOf(valueAt(entry, "hosts")))
    .filter((host) => typeof host === "string");
}

/** Whether a Secret has a certificate of which it is not known for which hosts it is. */
export function hasUnknownHosts(child: Specified): boolean {
  return groupKind(child) === "/Secret" && certificatesIn(child).some(hasUnreadableCertificate);
}

/** Of a Secret of any type: ingress controllers check only the key. */
function certificatesIn({ data, stringData }: Specified): readonly string[] {
  const [encoded, plain] = [valueAt(data, "tls.crt"), valueAt(stringData, "tls.crt")];
  return [
    ...(typeof encoded === "string" ? [Buffer.from(encoded, "base64").toString("latin1")] : []),
    ...(typeof plain === "string" ? [plain] : []),
  ];
}

const EVERYTHING: HostAndPath = { host: undefined, path: "/", isPattern: false };

/** A rule without paths takes all requests for its host. */
function routesOfRule({ host: given, http }: JsonObject): readonly HostAndPath[] {
  const host = textOf(given) === "" ? undefined : textOf(given);
  const paths = listOf(objectOf(http)["paths"]);
  if (paths.length === 0) return [{ ...EVERYTHING, host }];
  return paths.map((entry) => {
    const path = textOf(objectOf(entry)["path"]) ?? "/";
    return { host, path, isPattern: !PLAIN_PATH.test(path) };
  });
}

/** Paths that no ingress controller takes for a regular expression. A dot in one only makes it match more of itself. */
const PLAIN_PATH = /^[A-Za-z0-9/._~@:,=&!'%-]*$/;

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** Whether a child serves a route. */
export function servesRoute(child: LiveChild, { host, path }: Pick<Route, "host" | "path">): boolean {
  return routesServedBy(child).some((served) => served.host === host && normalizePath(served.path) === path);
}

/** Time for the issuer of the certificate of a new Ingress, for instance cert-manager, to create its Secret. */
const TLS_GRACE_MS = 120_000;

/** Secrets of one server that are looked up, each by a separate request: a patch can name thousands. */
const MOST_TLS_SECRETS = 20;

type RoutedServer = Pick<Observed["server"], "metadata" | "spec">;

/**
 * What the Ingresses of a server need, sorted; nothing while nobody waits for requests to come through. Secrets with
 * certificates are those of Ingresses that have been there for two minutes, the first 20.
 */
export function routeNeeds(server: RoutedServer, children: readonly LiveChild[], now: Date): RouteNeeds {
  const ingresses = awaitedRoutes(server, children);
  const settled = ingresses.filter((ingress) => graceLeftMs(ingress, now) === 0);
  return {
    ingressClasses: names(ingresses.map(({ spec }) => valueAt(spec, "ingressClassName"))),
    tlsSecrets: names(settled.flatMap(tlsSecretsIn)).slice(0, MOST_TLS_SECRETS),
  };
}

/** Milliseconds until a Secret that an Ingress names may be missed; undefined if no Ingress is that new. */
export function tlsGraceEndsInMs(server: RoutedServer, children: readonly LiveChild[], now: Date): number | undefined {
  const waits = awaitedRoutes(server, children)
    .filter((ingress) => names(tlsSecretsIn(ingress)).length > 0)
    .map((ingress) => graceLeftMs(ingress, now));
  return earliest(...waits.filter((wait) => wait > 0));
}

function awaitedRoutes({ metadata, spec }: RoutedServer, children: readonly LiveChild[]): readonly LiveChild[] {
  const isAway = metadata.deletionTimestamp !== undefined || valueAt(spec, "jupyterServer", "hibernated") === true;
  return isAway ? [] : children.filter((child) => isRouteChild(child) && !isTerminating(child));
}

/** No longer than the whole grace, however far the API server's clock is ahead. */
function graceLeftMs({ metadata }: LiveChild, now: Date): number {
  const left = Date.parse(metadata.creationTimestamp) + TLS_GRACE_MS - now.getTime();
  return Math.min(TLS_GRACE_MS, Math.max(0, left));
}

function tlsSecretsIn({ spec }: LiveChild): readonly unknown[] {
  return listOf(valueAt(spec, "tls")).map((tls) => valueAt(tls, "secretName"));
}

function names(values: readonly unknown[]): readonly string[] {
  const given = values.flatMap((value) => (typeof value === "string" && value !== "" ? [value] : []));
  return [...new Set(given)].toSorted();
}

/** The live children that route requests to the server. */
export function routeChildren(observed: Observed): readonly LiveChild[] {
  return observed.children.filter((child) => isRouteChild(child) && !isTerminating(child));
}
