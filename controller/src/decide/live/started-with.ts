import { ANNOTATIONS, CONTAINERS, defaultSpec, routeOf, type JupyterServer, type Route } from "@amalthea/api";
import { withoutDefaults, type EffectiveServer } from "../effective-server.ts";
import type { Pod } from "kubernetes-types/core/v1.js";
import { contentHash } from "../values/hash.ts";
import { isObject, itemNamed, objectOf, parseObject, texts, valueAt, type JsonObject } from "../values/json.ts";

/** What a pod was started with: hashes of the spec fields it depends on by their path, its route, its resources. */
export type StartedWith = {
  readonly fields: Readonly<Record<string, string>>;
  readonly route: Route;
  /** Resources of the container `jupyter-server`, after patches. */
  readonly resources: Readonly<JsonObject>;
};

/**
 * Hexadecimal digits kept of a field's hash. Of a secret value only two: they tell all but one change in 256, and leave
 * somebody who reads the annotation of a pod and tries a list of words with thousands of them.
 */
const HASH_DIGITS = 8;
const SECRET_HASH_DIGITS = 2;

/** Keys of the annotation that are not spec fields. */
const ROUTING = "routing";
const RESOURCES = "resources";

/** Stands among the fields for all that the defaults for all servers add to the spec. */
export const SERVER_DEFAULTS = "serverDefaults";

/** What a pod that starts now is started with. */
export function startedWith(server: EffectiveServer, route: Route, resources: Readonly<JsonObject>): StartedWith {
  const fields = fieldHashes(withoutDefaults(server));
  return { fields: server.ownSpec === undefined ? fields : withDefaultsHash(fields, server), route, resources };
}

/** Without the resources, which are compared as such and may change without a restart. */
function withDefaultsHash(fields: StartedWith["fields"], server: EffectiveServer): StartedWith["fields"] {
  const own = podFields(withoutDefaults(server));
  const added = Object.entries(podFields(server)).filter(([path, value]) => hashOf(value) !== hashOf(own[path]));
  return sorted([...Object.entries(fields), [SERVER_DEFAULTS, hashOf(Object.fromEntries(added))]]);
}

function hashOf(value: unknown): string {
  return contentHash(value).slice(0, HASH_DIGITS);
}

function sorted(entries: readonly (readonly [string, string])[]): StartedWith["fields"] {
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Fields that make up a route. */
const ROUTE_FIELDS: readonly string[] = ["routing.host", "routing.path", "routing.externalUrl", "routing.tls.enabled"];

/** The same start, with the route of another one. */
export function withRouteOf(start: StartedWith, { fields, route }: StartedWith): StartedWith {
  const isOfRoute = ([path]: readonly [string, string]): boolean => ROUTE_FIELDS.includes(path);
  const own = Object.entries(start.fields).filter((entry) => !isOfRoute(entry));
  const others = Object.entries(fields).filter(isOfRoute);
  return { ...start, fields: sorted([...own, ...others]), route };
}

type Specified = Pick<JupyterServer, "spec">;

function fieldHashes(server: Specified): StartedWith["fields"] {
  const present = Object.entries(podFields(server)).filter(([, value]) => value !== undefined);
  const secrets = Object.entries(secretFields(server)).filter(([, value]) => value !== undefined);
  return sorted([
    ...present.map(([path, value]) => [path, hashOf(value)] as const),
    ...secrets.map(([path, value]) => [path, contentHash(value).slice(0, SECRET_HASH_DIGITS)] as const),
  ]);
}

/** Field hashes of an empty spec, with OIDC and without. */
function defaultFields(): StartedWith["fields"] {
  const spec = defaultSpec();
  const withLogin = { ...spec, auth: { ...spec.auth, oidc: { ...spec.auth.oidc, enabled: true } } };
  return { ...fieldHashes({ spec: withLogin }), ...fieldHashes({ spec }), [SERVER_DEFAULTS]: hashOf({}) };
}

/** The value of the annotation on the pod template. */
export function startedWithAnnotation({ fields, route, resources }: StartedWith): string {
  return JSON.stringify({ ...fields, [ROUTING]: route, [RESOURCES]: resources });
}

/** Reads the annotation of a pod; undefined if it has none, as legacy pods, or one that the controller did not write. */
export function startedWithOf(pod: Pod | undefined): StartedWith | undefined {
  return startedWithIn(pod?.metadata?.annotations);
}

/** Reads it among the annotations of a pod, or of the template for the next one. */
export function startedWithIn(annotations: unknown): StartedWith | undefined {
  const text = valueAt(annotations, ANNOTATIONS.startedWith);
  if (typeof text !== "string") return undefined;
  const parsed = parseObject(text);
  const route = parsed?.[ROUTING];
  if (parsed === undefined || !isRoute(route)) return undefined;
  return { fields: texts(parsed), route, resources: objectOf(parsed[RESOURCES]) };
}

/**
 * Spec fields, sorted, whose value differs between two starts. A field that one of them does not name had its default: the
 * version of the controller that started a pod may not have known it yet.
 */
export function changedFields(before: StartedWith, after: StartedWith): readonly string[] {
  const paths = new Set([...Object.keys(before.fields), ...Object.keys(after.fields)]);
  const changed = [...paths].filter((path) => before.fields[path] !== after.fields[path]);
  if (changed.length === 0) return [];
  const defaults = defaultFields();
  const valueOf = ({ fields }: StartedWith, path: string): string | undefined => fields[path] ?? defaults[path];
  return changed.filter((path) => valueOf(before, path) !== valueOf(after, path)).toSorted();
}

function podFields({ spec }: Specified): Readonly<Record<string, unknown>> {
  const { hibernated: _hibernated, resources: _resources, ...settings } = spec.jupyterServer;
  const { pvc, size } = spec.storage;
  const hasVolume = pvc.enabled || pvc.existingClaim !== undefined;
  return {
    ...withPrefix("jupyterServer", settings),
    "auth.tokenSecretRef": spec.auth.tokenSecretRef,
    ...oidcFields(spec.auth.oidc),
    "routing.host": spec.routing.host,
    "routing.path": routeOf({ spec })?.path,
    "routing.externalUrl": spec.routing.externalUrl,
    "routing.tls.enabled": spec.routing.tls.enabled,
    "storage.size": hasVolume ? undefined : String(size),
    "storage.pvc.enabled": pvc.enabled,
    "storage.pvc.existingClaim": pvc.existingClaim,
    "storage.pvc.mountPath": pvc.mountPath,
    "storage.pvc.subPath": pvc.subPath,
    patches: podPatches(spec.patches),
  };
}

/** Without the access policy, which reaches a running pod. Whether there are authorized groups counts: it changes the requested scopes. */
function oidcFields(oidc: JupyterServer["spec"]["auth"]["oidc"]): Readonly<Record<string, unknown>> {
  if (!oidc.enabled) return { "auth.oidc.enabled": false };
  const {
    authorizedEmails: _emails,
    authorizedUserIds: _userIds,
    userId: _userId,
    allowAnyUser: _anyUser,
    sessionsNotBefore: _notBefore,
    clientSecret,
    authorizedGroups,
    bearer,
    ...provider
  } = oidc;
  return {
    ...withPrefix("auth.oidc", provider),
    "auth.oidc.authorizedGroups": authorizedGroups.length > 0,
    "auth.oidc.bearer": bearer?.enabled === true ? bearer.audiences : undefined,
    "auth.oidc.clientSecret.secretKeyRef": clientSecret?.secretKeyRef,
  };
}

function secretFields({ spec }: Specified): Readonly<Record<string, unknown>> {
  const { token, oidc } = spec.auth;
  return {
    "auth.token": token,
    "auth.oidc.clientSecret.value": oidc.enabled ? oidc.clientSecret?.value : undefined,
  };
}

function withPrefix(prefix: string, fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [`${prefix}.${key}`, value]));
}

/** The parts of patches that change the StatefulSet; undefined if none does. Other children follow at once. */
function podPatches(patches: JupyterServer["spec"]["patches"]): unknown {
  const parts = patches.flatMap(({ patch }) =>
    Array.isArray(patch)
      ? (patch as unknown[]).filter(isPodOperation)
      : [valueAt(patch, "statefulset")].filter((part) => part !== undefined),
  );
  return parts.length === 0 ? undefined : parts;
}

function isPodOperation(operation: unknown): boolean {
  return [valueAt(operation, "path"), valueAt(operation, "from")].some(
    (path) => typeof path === "string" && /^\/statefulset(\/|$)/.test(path),
  );
}

function isRoute(value: unknown): value is Route {
  return isObject(value) && ["host", "path", "scheme", "origin", "url"].every((key) => typeof value[key] === "string");
}

/** Resources of the container `jupyter-server` in a pod spec. */
export function resourcesOf(podSpec: unknown): Readonly<JsonObject> {
  return objectOf(valueAt(itemNamed(valueAt(podSpec, "containers"), CONTAINERS.jupyter), "resources"));
}
