import { specSchema, type JupyterServerSpec, type SchemaNode } from "@amalthea/api";
import { canonicalJson, isObject, valueAt, type JsonObject } from "./values/json.ts";

/** What administrators set for all servers, in the form of a spec; see `serverDefaultsSchema`. */
export type ServerDefaults = Readonly<JsonObject>;

/** Objects whose keys are the user's, although the CRD lets their values be anything. */
const OPEN_MAPS: readonly string[] = ["routing.ingressAnnotations"];

type Identity = (item: unknown) => unknown;

/** What no two items of a list may have in common besides their key, by the rules of the CRD. */
const ALSO_UNIQUE: Readonly<Record<string, readonly Identity[]>> = {
  "jupyterServer.extraPorts": [
    (port) => canonicalJson([valueAt(port, "containerPort"), valueAt(port, "protocol") ?? "TCP"]),
  ],
};

/**
 * The spec with the defaults for all servers. What the server sets takes precedence. A field counts as unset if it is absent or has
 * the CRD's own default, which the API server fills in. Maps are merged by key, lists by the key of their items if the
 * schema gives them one (`env` by `name`), the defaults first; any other value is taken as a whole.
 *
 * @returns The very same object when nothing differs.
 */
export function effectiveSpec(spec: JupyterServerSpec, defaults: ServerDefaults): JupyterServerSpec {
  return Object.keys(defaults).length === 0 ? spec : (merged(specSchema, "", spec, defaults) as JupyterServerSpec); // as validated
}

function merged(schema: SchemaNode, path: string, own: unknown, given: unknown): unknown {
  if (given === undefined) return own;
  if (isClosed(schema)) return mergedFields(schema, path, isObject(own) ? own : {}, given, own);
  if (isUnset(schema, own)) return given;
  if (isMap(schema, path) && isObject(own) && isObject(given)) return unlessSame(own, { ...given, ...own });
  const [key] = schema["x-kubernetes-list-map-keys"] ?? [];
  return key === undefined
    ? own
    : mergedItems([(item) => valueAt(item, key), ...(ALSO_UNIQUE[path] ?? [])], own, given);
}

function isClosed({ properties, ...schema }: SchemaNode): boolean {
  return properties !== undefined && schema["x-kubernetes-preserve-unknown-fields"] !== true;
}

function isMap({ additionalProperties }: SchemaNode, path: string): boolean {
  return typeof additionalProperties === "object" || OPEN_MAPS.includes(path);
}

/** 0.24 left nulls. */
function isUnset({ default: value }: SchemaNode, own: unknown): boolean {
  return own === undefined || own === null || canonicalJson(own) === canonicalJson(value);
}

function mergedFields({ properties }: SchemaNode, path: string, own: JsonObject, given: unknown, as: unknown): unknown {
  const prefix = path === "" ? "" : `${path}.`;
  const fields = Object.entries(properties ?? {})
    .map(([name, node]) => [name, merged(node, prefix + name, own[name], valueAt(given, name))] as const)
    .filter(([name, value]) => value !== own[name]);
  return fields.length === 0 ? as : { ...own, ...Object.fromEntries(fields) };
}

function unlessSame(own: JsonObject, all: JsonObject): JsonObject {
  return Object.keys(all).length === Object.keys(own).length ? own : all;
}

function mergedItems(identities: readonly Identity[], own: unknown, given: unknown): unknown {
  if (!Array.isArray(own) || !Array.isArray(given)) return own;
  const taken = identities.map((identity) => ({ identity, values: new Set(own.map((item) => identity(item))) }));
  const others = given.filter((item) => !taken.some(({ identity, values }) => values.has(identity(item))));
  return others.length === 0 ? own : [...(others as unknown[]), ...(own as unknown[])];
}
