import { CONTAINERS, routeOf, VOLUMES, type JupyterServer, type Route } from "@amalthea/api";
import { itemNamed, listOf, valueAt } from "../values/json.ts";
import { childKeyOf } from "../live/child.ts";
import type { LiveChild, Observed } from "../live/observed.ts";
import { isSameQuantity } from "../values/quantity.ts";
import { isRouteChild, routesServedBy } from "../live/routes.ts";
import { isLegacy } from "./legacy.ts";

/** A field, the value that the spec has, and the value that the legacy children have; undefined if they show none. */
type Pair = readonly [field: string, now: unknown, before: unknown];

/**
 * Spec fields that differ from what a server in the legacy layout was started with, as far as its children show.
 * A value that a patch changed, or removed, says nothing about the spec.
 */
export function differingFields(observed: Observed): readonly string[] {
  if (observed.pod === undefined) return [];
  const pairs = [...podPairs(observed), ...accessPairs(observed), ...claimPairs(observed), ...routePairs(observed)];
  return pairs.filter(([, now, before]) => before !== undefined && now !== before).map(([field]) => field);
}

function podPairs({ pod, server }: Observed): readonly Pair[] {
  const { spec } = server;
  const container = itemNamed(valueAt(pod?.spec, "containers"), CONTAINERS.jupyter);
  const workspace = itemNamed(valueAt(container, "volumeMounts"), VOLUMES.workspace);
  return [
    ["jupyterServer.image", spec.jupyterServer.image, valueAt(container, "image")],
    ["jupyterServer.rootDir", spec.jupyterServer.rootDir, valueAt(container, "workingDir")],
    ["storage.pvc.mountPath", spec.storage.pvc.mountPath, valueAt(workspace, "mountPath")],
  ];
}

/** The access policy is fixed in the legacy layout: an owner who removes a user must see that the change waits. */
function accessPairs(observed: Observed): readonly Pair[] {
  const { auth } = observed.server.spec;
  const login = itemNamed(valueAt(observed.pod?.spec, "containers"), CONTAINERS.oauth2Proxy);
  if (login === undefined || !auth.oidc.enabled) {
    return [
      ["auth.oidc.enabled", auth.oidc.enabled, login !== undefined],
      ["auth.token", auth.token, login === undefined && auth.token !== undefined ? probedToken(observed) : undefined],
    ];
  }
  const args = listOf(valueAt(login, "args")).map(String);
  // The first: oauth2-proxy takes the last, but that may be a patch's, and 0.24 wrote what the spec had before those.
  const valueOf = (flag: string): string | undefined =>
    args.find((arg) => arg.startsWith(`--${flag}=`))?.slice(flag.length + 3);
  const groups = args.filter((arg) => arg.startsWith("--allowed-group=")).map((arg) => arg.slice(16));
  return [
    ["auth.oidc.issuerUrl", auth.oidc.issuerUrl, valueOf("oidc-issuer-url")],
    ["auth.oidc.clientId", auth.oidc.clientId, valueOf("client-id")],
    ["auth.oidc.authorizedEmails", asText(auth.oidc.authorizedEmails), listedEmails(observed)],
    ["auth.oidc.authorizedGroups", asText(auth.oidc.authorizedGroups), asText(groups)],
    ...newCriteria(auth.oidc),
  ];
}

/** Criteria that 0.24 did not have. */
function newCriteria(oidc: JupyterServer["spec"]["auth"]["oidc"]): readonly Pair[] {
  return [
    ["auth.oidc.userId", oidc.userId !== undefined, false],
    ["auth.oidc.authorizedUserIds", (oidc.authorizedUserIds ?? []).length > 0, false],
    ["auth.oidc.allowAnyUser", oidc.allowAnyUser === true, false],
  ];
}

/** 0.24 put the token into its probes, as `token TOKEN`; of an empty token its YAML kept the word alone. */
function probedToken({ pod }: Observed): string | undefined {
  const container = itemNamed(valueAt(pod?.spec, "containers"), CONTAINERS.jupyter);
  const headers = listOf(valueAt(container, "readinessProbe", "httpGet", "httpHeaders"));
  const value = valueAt(itemNamed(headers, "Authorization"), "value");
  if (typeof value !== "string") return undefined;
  return value.trimEnd() === "token" ? "" : value.replace(/^token /, "");
}

function listedEmails({ children }: Observed): string | undefined {
  const list = legacyChild(children, "configmap")?.data?.["authorized-users.txt"];
  return list === undefined ? undefined : asText(list.split("\n").filter((line) => line !== ""));
}

/** The order of the lists does not matter. */
function asText(list: readonly string[]): string {
  return list.toSorted().join("\n");
}

function claimPairs({ children, server }: Observed): readonly Pair[] {
  const { pvc, size } = server.spec.storage;
  const live = legacyChild(children, "pvc")?.spec;
  if (!pvc.enabled || live === undefined) return [];
  const { storageClassName } = pvc;
  return [
    ["storage.size", isSameQuantity(size, valueAt(live, "resources", "requests", "storage")), true],
    ["storage.pvc.storageClassName", storageClassName ?? live["storageClassName"], live["storageClassName"]],
  ];
}

function routePairs(observed: Observed): readonly Pair[] {
  const [now, before] = [routeOf(observed.server), legacyRoute(observed)];
  if (now === undefined || before === undefined) return [];
  return [
    ["routing.host", now.host, before.host],
    ["routing.path", now.path, before.path],
    ["routing.tls.enabled", now.tls, before.tls],
  ];
}

/** The route of the legacy Ingress; undefined if there is none. */
export function legacyRoute(observed: Observed): Route | undefined {
  const ingress = observed.children.find((child) => isRouteChild(child) && isLegacy(child));
  const { host, path } = ingress === undefined ? {} : (routesServedBy(ingress)[0] ?? {});
  if (host === undefined || path === undefined) return undefined;
  const { externalUrl, ...routing } = observed.server.spec.routing;
  const enabled = listOf(valueAt(ingress?.spec, "tls")).length > 0;
  // TLS in front of the host leads to the legacy Ingress, too; another name or port may not.
  const external = externalUrl === `https://${host}` ? { externalUrl } : {};
  return routeOf({ spec: { routing: { ...routing, ...external, host, path, tls: { enabled } } } });
}

function legacyChild(children: readonly LiveChild[], key: string): LiveChild | undefined {
  return children.find((child) => isLegacy(child) && childKeyOf(child) === key);
}
