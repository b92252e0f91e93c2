import type { Action, LiveTarget } from "./decision.ts";
import { pointerTo } from "./patch/pointer.ts";

/** One operation of a JSON patch. */
export type Operation = Readonly<Record<string, unknown>>;

/** Path of an annotation in a JSON patch. */
export function annotationPath(key: string): string {
  return pointerTo(["metadata", "annotations", key]);
}

/** Path of a label in a JSON patch. */
export function labelPath(key: string): string {
  return pointerTo(["metadata", "labels", key]);
}

/**
 * A write of an object's metadata: of this very object, not of a later one with its name.
 *
 * @param annotations Its live annotations; if there are none, the map is added before the operations, which may add to it.
 */
export function patchMetadata(
  target: LiveTarget,
  annotations: Readonly<Record<string, string>> | undefined,
  operations: readonly Operation[],
  because: string,
): Action {
  const setup = annotations === undefined ? [{ op: "add", path: "/metadata/annotations", value: {} }] : [];
  const test = { op: "test", path: "/metadata/uid", value: target.uid };
  return {
    kind: "PatchMetadata",
    childKey: target.kind.toLowerCase(),
    target,
    desiredHash: "",
    operations: [test, ...setup, ...operations],
    because,
  };
}
