import type { JupyterServer, JupyterServerSpec, JupyterServerStatus } from "@amalthea/api";
import { effectiveSpec } from "./effective-spec.ts";
import type { DecisionSettings } from "./settings.ts";
import { isObject, ownValue } from "./values/json.ts";

/** The server that decisions are made from. */
export type EffectiveServer = JupyterServer & {
  /** The spec without the defaults for all servers; there only if they add something to it. */
  readonly ownSpec?: JupyterServerSpec;
};

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === "string";
const isMap = (isEntry: Check): Check => {
  return (value) => isObject(value) && Object.values(value).every(isEntry);
};
const hasTexts = (...keys: readonly string[]): Check => {
  return (value) => isObject(value) && keys.every((key) => isText(value[key]));
};
const isCondition = hasTexts("type", "status", "reason", "message", "lastTransitionTime");

/** The types that the fields of a previous status must have; `events` and `kopf` are not read. */
const CHECKS: Readonly<Record<Exclude<keyof JupyterServerStatus, "events" | "kopf">, Check>> = {
  ...texts("state", "url", "refreshedAt", "startedAt", "startingSince", "failedSince", "hibernatedSince"),
  ...texts("lastActivityAt", "lastActivityBy", "willHibernateAt", "willBeDeletedAt", "cullingReason"),
  observedGeneration: (value) => typeof value === "number",
  toleratedViolations: (value) => Array.isArray(value) && value.every(isText),
  conditions: (value) => Array.isArray(value) && value.every(isCondition),
  filesLost: hasTexts("at", "podUid", "cause"),
  create_fn: isObject,
  children: isMap(isObject),
  mainPod: isObject,
  containerStates: isMap(isMap(isText)),
  neverReady: (value) => typeof value === "boolean",
};

function texts<F extends string>(...fields: readonly F[]): Readonly<Record<F, Check>> {
  return Object.fromEntries(fields.map((field) => [field, isText])) as Record<F, Check>;
}

/**
 * The server that decisions are made from, as opposed to the one that was stored: with a status that can be read, and
 * with what administrators set for every server: defaults today, templates later.
 *
 * @returns The very same object when nothing differs.
 */
export function effectiveServer(
  server: JupyterServer,
  settings: Pick<DecisionSettings, "externalTls" | "serverDefaults">,
): EffectiveServer {
  const readable = withReadableStatus(server);
  const own = withExternalTls(readable, settings);
  const spec = effectiveSpec(server.spec, settings.serverDefaults);
  return spec === server.spec ? own : { ...withExternalTls({ ...readable, spec }, settings), ownSpec: own.spec };
}

/** The server as it would be without the defaults for all servers. */
export function withoutDefaults({ ownSpec, ...server }: EffectiveServer): JupyterServer {
  return ownSpec === undefined ? server : { ...server, spec: ownSpec };
}

/** Where TLS is terminated in front of the cluster, an address that nobody set is the same host by https. */
function withExternalTls(server: JupyterServer, { externalTls }: Pick<DecisionSettings, "externalTls">): JupyterServer {
  if (!externalTls) return server;
  const { routing } = server.spec;
  const { host = "", externalUrl, tls } = routing;
  if (host === "" || externalUrl !== undefined || tls.enabled) return server;
  return { ...server, spec: { ...server.spec, routing: { ...routing, externalUrl: `https://${host}` } } };
}

/**
 * Fields of the status that do not have their type are omitted, and so written again: 0.24's CRD did not validate the
 * status.
 *
 * @returns The very same object when nothing differs.
 */
export function withReadableStatus(server: JupyterServer): JupyterServer {
  const { status } = server;
  if (status === undefined) return server;
  if (!isObject(status)) {
    const { status: _unreadable, ...rest } = server;
    return rest;
  }
  const entries = Object.entries(status);
  const readable = entries.filter(([field, value]) => isReadable(field, value));
  return readable.length === entries.length ? server : { ...server, status: Object.fromEntries(readable) };
}

function isReadable(field: string, value: unknown): boolean {
  return ownValue<Check>(CHECKS, field)?.(value) !== false;
}
