import { CONTAINERS } from "@amalthea/api";
import { podSpecOf } from "../live/child.ts";
import { contentHash } from "../values/hash.ts";
import { listOf, objectOf, valueAt, type JsonObject } from "../values/json.ts";

/** A field of a child that yields to a later write by somebody else. */
export type YieldingField = {
  /** `priorityClassName`; a list of containers, a container's name and a field; `data` or `binaryData` and a key. */
  readonly path: readonly string[];
  /** Null if the child does not have the field. */
  readonly value: unknown;
};

/** What of a child yields, as patches left it. */
export type Yields = {
  readonly fields: readonly YieldingField[];
  /** Hash of the fields, which is also the annotation `amalthea.dev/patched-hash` of the child. */
  readonly patchedHash: string;
};

const CONTAINER_LISTS: readonly string[] = ["containers", "initContainers"];
const DATA: readonly string[] = ["data", "binaryData"];

/** Fields of a container that patches added which never yield: its name, its ports, its privileges. */
const FIXED: ReadonlySet<string> = new Set(["name", "ports", "securityContext"]);

/** Names of containers that are never a patch's. */
const OWN_NAMES: ReadonlySet<string> = new Set(Object.values(CONTAINERS));

/**
 * What of a child yields to a later write by somebody else: in the server's StatefulSet the fields of containers that
 * patches added, and the priority class; in a ConfigMap that patches added its data. Clients of 0.24 write there before
 * they resume a server.
 *
 * @param original The child before patches; undefined if a patch added it.
 */
export function yieldsOf(child: JsonObject, original: JsonObject | undefined): Yields | undefined {
  const fields = yieldingFields(child, original);
  return fields.length === 0 ? undefined : { fields, patchedHash: contentHash(fields) };
}

function yieldingFields(child: JsonObject, original: JsonObject | undefined): readonly YieldingField[] {
  if (child["kind"] === "ConfigMap" && original === undefined) return dataFields(child);
  return child["kind"] === "StatefulSet" && original !== undefined ? podFields(child, original) : [];
}

function dataFields(child: JsonObject): readonly YieldingField[] {
  return DATA.flatMap((part) =>
    Object.entries(objectOf(child[part])).map(([key, value]) => ({ path: [part, key], value })),
  );
}

function podFields(statefulSet: JsonObject, original: JsonObject): readonly YieldingField[] {
  const [spec, before] = [podSpecOf(statefulSet), podSpecOf(original)];
  const added = CONTAINER_LISTS.flatMap((list) => {
    const known = new Set(listOf(before[list]).map((container) => valueAt(container, "name")));
    return listOf(spec[list])
      .filter((container) => isAdded(container, known))
      .flatMap((container) => containerFields(list, container));
  });
  return [{ path: ["priorityClassName"], value: spec["priorityClassName"] ?? null }, ...added];
}

function isAdded(container: unknown, known: ReadonlySet<unknown>): container is JsonObject & { readonly name: string } {
  const name = valueAt(container, "name");
  return typeof name === "string" && !known.has(name) && !OWN_NAMES.has(name);
}

/** The fields of a container that yield. */
export function containerFields(list: string, container: unknown): readonly YieldingField[] {
  const { name, ...fields } = objectOf(container);
  return Object.entries(fields)
    .filter(([field]) => !FIXED.has(field))
    .map(([field, value]) => ({ path: [list, String(name), field], value }));
}

/** The containers of a pod spec by list and name, joined as `pathKey` does. */
export function containersByPath(statefulSet: unknown): ReadonlyMap<string, unknown> {
  const spec = podSpecOf(statefulSet);
  const entries = CONTAINER_LISTS.flatMap((list) =>
    listOf(spec[list]).map((one) => [pathKey([list, String(valueAt(one, "name"))]), one] as const),
  );
  return new Map(entries);
}

/** A path as the key of a map. */
export function pathKey(path: readonly string[]): string {
  return path.join("\n");
}

/** The child with other values in yielding fields; null removes a field. */
export function withYieldingValues<T extends object>(child: T, values: readonly YieldingField[]): T {
  const byParent = Map.groupBy(values, ({ path }) => pathKey(path.slice(0, -1)));
  if ("data" in child || "binaryData" in child) {
    const parts = DATA.filter((part) => byParent.has(part));
    return {
      ...child,
      ...Object.fromEntries(parts.map((part) => [part, merged(valueAt(child, part), byParent.get(part))])),
    };
  }
  const spec = merged(podSpecOf(child), byParent.get(""));
  const lists = CONTAINER_LISTS.filter((list) => Array.isArray(spec[list])).map((list) => {
    const containers = listOf(spec[list]).map((one) => {
      const changes = byParent.get(pathKey([list, String(valueAt(one, "name"))]));
      return changes === undefined ? one : merged(one, changes);
    });
    return [list, containers] as const;
  });
  const { template, ...others } = objectOf(valueAt(child, "spec"));
  const podSpec = { ...spec, ...Object.fromEntries(lists) };
  return { ...child, spec: { ...others, template: { ...objectOf(template), spec: podSpec } } };
}

function merged(object: unknown, values: readonly YieldingField[] = []): JsonObject {
  const changes = new Map(values.map(({ path, value }) => [path.at(-1) ?? "", value]));
  const kept = Object.entries(objectOf(object)).filter(([key]) => !changes.has(key));
  return Object.fromEntries([...kept, ...[...changes].filter(([, value]) => value !== null)]);
}
