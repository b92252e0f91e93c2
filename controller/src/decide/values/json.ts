/** An object of parsed JSON. */
export type JsonObject = { [key: string]: unknown };

/** Whether a value is a JSON object, neither a list nor null. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value as an object, or an empty one: for reading parts of objects that the API server has checked. */
export function objectOf(value: unknown): Readonly<JsonObject> {
  return isObject(value) ? value : {};
}

/** The value as a list, or an empty one. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The fields of an object that are texts. */
export function texts(value: unknown): Readonly<Record<string, string>> {
  const entries = Object.entries(objectOf(value));
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === "string"));
}

/** The first item of a list with this `name`; undefined if there is none. */
export function itemNamed(list: unknown, name: unknown): unknown {
  return listOf(list).find((item) => valueAt(item, "name") === name);
}

/** Reads a value at a path of keys; undefined if the path does not exist. */
export function valueAt(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((current, key) => (isObject(current) ? ownValue(current, key) : undefined), value);
}

/** Reads a key that comes from a client: what all objects inherit is not meant. */
export function ownValue<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/** A deep copy that may be changed. Drops what JSON cannot express, such as keys whose value is undefined. */
export function copyOf<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T; // the same shape, by construction
}

/** JSON with the keys of every object in alphabetical order, so that equal values give equal text. */
export function canonicalJson(value: unknown): string {
  return (
    JSON.stringify(value, (_key, part: unknown) =>
      isObject(part) ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1))) : part,
    ) ?? "null"
  );
}

/** Parses a JSON object; undefined if the text is anything else. */
export function parseObject(text: string): JsonObject | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return isObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** An object without the fields that are null, by which clients mean none. */
export function withoutNulls(object: Readonly<Record<string, unknown>>): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));
}
