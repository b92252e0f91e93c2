import type { Adjustment } from "../facts.ts";
import { isObject, ownValue, withoutNulls, type JsonObject } from "../values/json.ts";
import { schemaOf, typeNamed, type FieldSchema } from "../values/child-schema.ts";

/** A child as an apply accepts it, and what had to be changed for that. */
export type ConformedChild = { readonly child: JsonObject; readonly adjustments: readonly Adjustment[] };

/**
 * Converts a child as a plain create would: unknown fields are dropped, and of list items with the same key the last
 * counts. Server-side apply refuses such an object, and clients that used to create their objects send them.
 *
 * Of kinds that are not the server's own only what all kinds have in common is known.
 */
export function conformedChild(child: JsonObject): ConformedChild {
  const adjustments: Adjustment[] = [];
  const { metadata, ...body } = withoutWritten(child, ["status"], [], adjustments);
  const schema = schemaOf(child);
  const fields = schema === undefined ? body : valueWithin(body, schema, [], adjustments);
  const own = isObject(metadata) ? { metadata: conformedMetadata(metadata, adjustments) } : {};
  return { child: { ...(fields as JsonObject), ...own }, adjustments }; // an object stays one
}

/** Fields of metadata that a create ignores. Those that it does not, patches must not have. */
const WRITTEN_BY_KUBERNETES: readonly string[] = [
  "creationTimestamp",
  "deletionGracePeriodSeconds",
  "deletionTimestamp",
  "finalizers", // an empty list: others are refused
  "generation",
  "managedFields",
  "resourceVersion",
  "selfLink",
  "uid",
];

function conformedMetadata(metadata: JsonObject, adjustments: Adjustment[]): unknown {
  const given = withoutWritten(metadata, WRITTEN_BY_KUBERNETES, ["metadata"], adjustments);
  return valueWithin(given, { type: "ObjectMeta" }, ["metadata"], adjustments);
}

function withoutWritten(
  object: JsonObject,
  written: readonly string[],
  path: Path,
  adjustments: Adjustment[],
): JsonObject {
  for (const key of written) {
    if (!isSomething(ownValue(object, key))) continue;
    adjustments.push({ field: fieldName([...path, key]), why: "WrittenByKubernetes" });
  }
  return Object.fromEntries(Object.entries(object).filter(([key]) => !written.includes(key)));
}

/** Clients write `creationTimestamp: null` and mean nothing. */
function isSomething(value: unknown): boolean {
  return value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0);
}

type Path = readonly string[];

function valueWithin(value: unknown, field: FieldSchema, path: Path, adjustments: Adjustment[]): unknown {
  const { type, list, map } = field;
  if (list !== undefined) return Array.isArray(value) ? listWithin(value, type, list, path, adjustments) : value;
  const schema = typeNamed(type);
  if (!isObject(value)) return value;
  if (type === "Quantity") return withoutNulls(value); // no amount; the API server would take it for 0
  if (schema === undefined) return value;
  const entries: [string, unknown][] = [];
  for (const [key, part] of Object.entries(value)) {
    const partField = map === undefined ? ownValue(schema.fields, key) : { type };
    if (partField !== undefined) entries.push([key, valueWithin(part, partField, [...path, key], adjustments)]);
    else if (isSomething(part)) adjustments.push({ field: fieldName([...path, key]), why: "NoSuchField" });
  }
  return Object.fromEntries(entries);
}

function listWithin(
  list: readonly unknown[],
  type: string,
  mode: ListMode,
  path: Path,
  adjustments: Adjustment[],
): unknown[] {
  const items = new Map<string, unknown>();
  for (const [index, item] of list.entries()) {
    const key = itemKey(item, type, mode);
    const label = `[${key === undefined ? index : key.join(" ").slice(0, MAX_LABEL)}]`;
    const id = key === undefined ? String(index) : JSON.stringify(key);
    if (items.has(id)) adjustments.push({ field: fieldName([...path, label]), why: "Duplicate" });
    items.set(id, valueWithin(item, { type }, [...path, label], adjustments));
  }
  return [...items.values()]; // each in the place of the first, for variables are expanded in their order
}

/** Maximum length of an item's key in a message: names are not longer. */
const MAX_LABEL = 63;

type ListMode = NonNullable<FieldSchema["list"]>;

/** The key by which server-side apply identifies items of a list; undefined if the list is atomic. */
function itemKey(item: unknown, type: string, mode: ListMode): readonly string[] | undefined {
  if (mode === "set") return typeof item === "object" ? undefined : [JSON.stringify(item)];
  if (mode === "atomic" || !isObject(item)) return undefined;
  const fields = typeNamed(type)?.fields ?? {};
  const values = mode.map((key) => ownValue(item, key) ?? ownValue(fields, key)?.default);
  return values.some((value) => typeof value === "object") ? undefined : values.map(keyText);
}

function keyText(value: unknown): string {
  return typeof value === "string" ? value : String(JSON.stringify(value));
}

function fieldName(path: Path): string {
  return path.map((part, index) => (index === 0 || part.startsWith("[") ? part : `.${part}`)).join("");
}
