import { isObject } from "../values/json.ts";
import { checkKey, PatchRefused } from "./bounds.ts";

/**
 * The keys that a JSON pointer names, from the root downwards.
 *
 * @throws PatchRefused if it is none, or names a reserved key.
 * @see https://www.rfc-editor.org/rfc/rfc6901
 */
export function parsePointer(pointer: string): readonly string[] {
  if (pointer === "") return [];
  if (!pointer.startsWith("/") || /~(?![01])/.test(pointer)) throw new PatchRefused("a path is no JSON pointer");
  return pointer
    .slice(1)
    .split("/")
    .map((token) => checkKey(token.replaceAll("~1", "/").replaceAll("~0", "~")));
}

/** The JSON pointer that names these keys. */
export function pointerTo(keys: readonly string[]): string {
  return keys.map((key) => `/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/**
 * One step down, through own properties alone: what an object inherits is not part of the document.
 *
 * @throws PatchRefused if there is nothing.
 */
export function stepInto(container: unknown, key: string): unknown {
  if (Array.isArray(container)) return container[indexIn(container, key, container.length - 1)];
  if (isObject(container) && Object.hasOwn(container, key)) return container[key];
  throw new PatchRefused("the path does not exist");
}

/** The list index that a key denotes. @throws PatchRefused if it is not an index, or above `last`. */
export function indexIn(list: readonly unknown[], key: string, last: number): number {
  if (!/^(0|[1-9][0-9]{0,9})$/.test(key)) throw new PatchRefused("a list has no such index");
  if (Number(key) > last) throw new PatchRefused(`the path does not exist: the list has ${list.length} items`);
  return Number(key);
}
