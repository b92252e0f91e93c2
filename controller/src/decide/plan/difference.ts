import { schemaOf, typeNamed, type FieldSchema } from "../values/child-schema.ts";
import { isObject, ownValue } from "../values/json.ts";
import { isSameQuantity } from "../values/quantity.ts";

/**
 * The first place, as a dotted path, where a live object lacks or contradicts what is desired; undefined if there is
 * none.
 *
 * Additional fields of the live object belong to somebody else, as in server-side apply: except inside a field that is
 * atomic in the API's schema, which is ours as a whole. Lists that are merged by a key are compared by that key, all
 * others item by item. An empty value counts as absent, because the API server does not store it, and quantities are
 * compared by amount. Of a kind without a schema nothing is atomic but its lists' lengths.
 *
 * @see https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
 */
export function firstDifference(desired: object, live: unknown): string | undefined {
  return differ(desired, live, { field: schemaOf(desired), isWhole: false, path: [] });
}

/** Where the comparison is. */
type Place = {
  /** Undefined where no schema is known. */
  readonly field: FieldSchema | undefined;
  /** Everything here is ours: what is not desired must be absent. */
  readonly isWhole: boolean;
  readonly path: readonly string[];
};

/** Fields whose empty or false value the API server does store, where it means something else than absence. */
const KEPT_WHEN_EMPTY: ReadonlySet<string> = new Set([
  "replicas",
  "automountServiceAccountToken",
  "enableServiceLinks",
  "allowPrivilegeEscalation",
  "runAsNonRoot",
  "readOnlyRootFilesystem",
  "storageClassName",
]);

/** What the API server fills in inside atomic fields without its schema saying so. */
const DEFAULTS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ["protocol", "TCP"], // of a port of a NetworkPolicy, and as a key of ports
  ["apiVersion", "v1"], // of a fieldRef
  ["divisor", "0"], // of a resourceFieldRef
  ["expirationSeconds", 3600], // of a projected token
]);

function differ(desired: unknown, live: unknown, place: Place): string | undefined {
  if (desired === null || desired === undefined) return undefined;
  if (live === undefined || live === null) return isAbsent(desired, place.path) ? undefined : here(place);
  if (Array.isArray(desired)) return differInList(desired, live, place);
  if (isObject(desired)) return differInObject(desired, live, place);
  if (desired === live) return undefined;
  return place.field?.type === "Quantity" && isSameQuantity(desired, live) ? undefined : here(place);
}

function differInObject(desired: Readonly<Record<string, unknown>>, live: unknown, place: Place): string | undefined {
  if (!isObject(live)) return here(place);
  const isWhole = isAtomicObject(place);
  for (const [key, value] of Object.entries(desired)) {
    const inner = { field: fieldAt(place.field, key), isWhole, path: [...place.path, key] };
    const difference = differ(value, ownValue(live, key), inner);
    if (difference !== undefined) return difference;
  }
  const extra = isWhole ? Object.keys(live).find((key) => isExtra(key, desired, live, place)) : undefined;
  return extra === undefined ? undefined : [...place.path, extra].join(".");
}

function isAtomicObject({ field, isWhole }: Place): boolean {
  if (field === undefined || isWhole) return isWhole;
  return field.map === "atomic" || (field.list === undefined && typeNamed(field.type)?.atomic === true);
}

/** Schema of what is below a key: of a map its values, of a typed object its field. */
function fieldAt(field: FieldSchema | undefined, key: string): FieldSchema | undefined {
  if (field === undefined) return undefined;
  return field.map === undefined ? ownValue(typeNamed(field.type)?.fields ?? {}, key) : { type: field.type };
}

/**
 * Whether a live value is neither desired, nor empty, nor what the API server fills in. An empty object does count: a
 * namespaceSelector without labels selects every namespace.
 */
function isExtra(
  key: string,
  desired: Readonly<Record<string, unknown>>,
  live: Readonly<Record<string, unknown>>,
  { field }: Place,
): boolean {
  const value = live[key];
  if (Object.hasOwn(desired, key) && desired[key] !== null && desired[key] !== undefined) return false;
  if (isObject(value)) return true;
  return !isAbsent(value, [key]) && value !== (fieldAt(field, key)?.default ?? DEFAULTS.get(key));
}

function differInList(desired: readonly unknown[], live: unknown, place: Place): string | undefined {
  if (!Array.isArray(live)) return here(place);
  const { field } = place;
  const keys = Array.isArray(field?.list) ? (field.list as readonly string[]) : undefined;
  const inner = {
    field: field === undefined ? undefined : { type: field.type },
    isWhole: place.isWhole || field?.list === "atomic",
  };
  if (keys === undefined && field?.list !== "set" && desired.length !== live.length) return here(place);
  const counterpart = counterpartsIn(live, field);
  for (const [index, item] of desired.entries()) {
    const path = [...place.path, keys === undefined ? String(index) : label(item, keys, index)];
    const difference = differ(item, counterpart(item, index), { ...inner, path });
    if (difference !== undefined) return difference;
  }
  return undefined;
}

/** Returns the live item that a desired one is compared with, without searching for each: lists can be long. */
function counterpartsIn(
  live: readonly unknown[],
  field: FieldSchema | undefined,
): (item: unknown, index: number) => unknown {
  if (field?.list === "set") {
    const items = new Set(live);
    return (item) => (items.has(item) ? item : undefined);
  }
  if (!Array.isArray(field?.list)) return (_item, index) => live[index];
  const keys = field.list as readonly string[];
  const byKey = new Map(live.toReversed().map((item) => [keyText(item, keys), item])); // of doubles, the first
  return (item) => (isObject(item) ? byKey.get(keyText(item, keys)) : undefined);
}

function keyText(item: unknown, keys: readonly string[]): string | undefined {
  return isObject(item) ? JSON.stringify(keys.map((key) => item[key] ?? DEFAULTS.get(key))) : undefined;
}

function label(item: unknown, keys: readonly string[], index: number): string {
  const name = isObject(item) ? keys.map((key) => item[key]).find((value) => value !== undefined) : undefined;
  return typeof name === "string" || typeof name === "number" ? String(name) : String(index);
}

/** Whether the API server stores nothing of a value, at any depth. */
function isAbsent(value: unknown, path: readonly string[]): boolean {
  if (value === null) return true;
  if (isObject(value)) return Object.entries(value).every(([key, part]) => isAbsent(part, [...path, key]));
  if (Array.isArray(value)) return value.length === 0;
  return (value === "" || value === false || value === 0) && !KEPT_WHEN_EMPTY.has(path.at(-1) ?? "");
}

function here({ path }: Place): string {
  return path.join(".");
}
