import { isObject, ownValue, type JsonObject } from "./json.ts";

/**
 * The JSON merge patch (RFC 7386) that turns one object into another, or undefined if there is nothing to change. Lists
 * are replaced as a whole, keys that are gone become null, at every depth. An empty object counts as absent: the API
 * server puts empty objects where the schema has them as a default, so removing one would never end. So does null, which
 * the statuses of 0.24 are full of.
 *
 * `to` must not contain null: a merge patch cannot express it.
 */
export function mergePatchBetween(from: Readonly<JsonObject>, to: Readonly<JsonObject>): JsonObject | undefined {
  const patch: JsonObject = {};
  for (const key of Object.keys(from)) {
    if (ownValue(to, key) === undefined && !isEmpty(from[key])) patch[key] = null;
  }
  for (const [key, wanted] of Object.entries(to)) {
    const change = changeOf(ownValue(from, key), wanted);
    if (change !== undefined) patch[key] = change;
  }
  return Object.keys(patch).length === 0 ? undefined : patch;
}

function changeOf(present: unknown, wanted: unknown): unknown {
  if (wanted === undefined || (isEmpty(wanted) && isEmpty(present))) return undefined;
  if (isObject(present) && isObject(wanted)) return mergePatchBetween(present, wanted);
  return isSame(present, wanted) ? undefined : wanted;
}

/** Deep equality of JSON values; the order of keys does not matter, an undefined key is an absent one. */
export function isSame(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((item, index) => isSame(item, right[index]));
  }
  if (!isObject(left) || !isObject(right)) return false;
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...keys].every((key) => isSame(ownValue(left, key), ownValue(right, key)));
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || (isObject(value) && Object.keys(value).length === 0);
}
