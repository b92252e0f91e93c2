import { isObject, ownValue, type JsonObject } from "../values/json.ts";
import { pointerTo } from "../patch/pointer.ts";
import type { Excess } from "./pod-limits.ts";
import type { PolicySettings } from "./policy-settings.ts";

/** A change that patches made and may not make; its field is a JSON pointer in the patch document. */
export type ForbiddenChange = Excess & { readonly childKey: string };

type Document = Readonly<Record<string, unknown>>;

const ANY = "*";

/**
 * The first change of the document by patches that the administrator does not allow. Only what patches changed
 * counts, not how: an operation that moves, copies or tests is evaluated by its result.
 */
export function forbiddenChange(
  before: Document,
  after: Document,
  { kinds, paths }: PolicySettings["patches"],
): ForbiddenChange | undefined {
  if (kinds.includes(ANY) && paths.includes(ANY)) return undefined;
  const allowed = paths.map(segmentsOf);
  for (const pointer of changes(before, after, [])) {
    const [childKey = ""] = pointer;
    const field = pointerTo(pointer);
    const kind = kindOf(after[childKey]) ?? kindOf(before[childKey]);
    if (!kinds.includes(ANY) && !kinds.includes(kind ?? "")) {
      return {
        childKey,
        field,
        detail: `patches may not change or add a ${kind ?? "child"}`,
        setting: "patches.kinds",
      };
    }
    if (!paths.includes(ANY) && !allowed.some((prefix) => isBelow(pointer, prefix))) {
      return { childKey, field, detail: `patches may not change ${field}`, setting: "patches.paths" };
    }
  }
  return undefined;
}

function kindOf(child: unknown): string | undefined {
  return isObject(child) && typeof child["kind"] === "string" ? child["kind"] : undefined;
}

/** Where two values differ, as deep as both have objects or lists. Lists are compared place by place. */
function* changes(before: unknown, after: unknown, at: readonly string[]): Generator<readonly string[]> {
  if (isObject(before) && isObject(after)) yield* entryChanges(before, after, at);
  else if (Array.isArray(before) && Array.isArray(after)) yield* entryChanges(byPlace(before), byPlace(after), at);
  else if (JSON.stringify(before) !== JSON.stringify(after)) yield at;
}

function byPlace(list: readonly unknown[]): JsonObject {
  return Object.fromEntries(list.entries());
}

function* entryChanges(before: JsonObject, after: JsonObject, at: readonly string[]): Generator<readonly string[]> {
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    yield* changes(ownValue(before, key), ownValue(after, key), [...at, key]);
  }
}

function isBelow(pointer: readonly string[], prefix: readonly string[]): boolean {
  return prefix.every((segment, index) => index < pointer.length && (segment === ANY || segment === pointer[index]));
}

function segmentsOf(path: string): readonly string[] {
  return path
    .split("/")
    .slice(1)
    .map((segment) => segment.replaceAll("~1", "/").replaceAll("~0", "~"));
}
