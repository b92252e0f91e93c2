import { ANNOTATIONS, LEGACY, type JupyterServer } from "@amalthea/api";
import { annotationPath, type Operation } from "../metadata-patch.ts";
import { liveStatefulSet } from "../live/child.ts";
import type { LiveChild, Observed } from "../live/observed.ts";
import type { DecisionSettings } from "../settings.ts";
import { contentHash } from "../values/hash.ts";
import { clientTime, secondsBetween } from "../values/time.ts";

/** When 0.24's finalizer was removed, as an annotation: if the finalizer comes back, the legacy controller still runs. */
export const TAKEN_OVER_ANNOTATION = "amalthea.dev/taken-over-at";

/** Hash of the patches at the takeover: the legacy children were created from them. */
const LEGACY_PATCHES_ANNOTATION = "amalthea.dev/legacy-patches";

/** How long the controller leaves a server to a legacy controller that still runs, before it checks again. */
export const BACK_OFF_SECONDS = 600;

/** Whether a child was created by 0.24: it has no hash of ours. */
export function isLegacy({ metadata }: LiveChild): boolean {
  return metadata.annotations?.[ANNOTATIONS.desiredHash] === undefined;
}

/** Whether the server's StatefulSet is still in the legacy layout. */
export function hasLegacyLayout(observed: Observed): boolean {
  const statefulSet = liveStatefulSet(observed);
  return statefulSet !== undefined && isLegacy(statefulSet);
}

/** Whether the server was created while 0.24 ran. */
export function isLegacyServer({ metadata }: JupyterServer): boolean {
  return (
    metadata.annotations?.[TAKEN_OVER_ANNOTATION] !== undefined ||
    (metadata.finalizers ?? []).includes(LEGACY.finalizer)
  );
}

/**
 * Whether a server that 0.24 created still has the patches that its legacy children were created from. 0.24 ignored later
 * changes of them; those that were made under it cannot be told any more.
 */
export function hasPatchesOfTakeover({ metadata, spec }: JupyterServer): boolean {
  const noted = metadata.annotations?.[LEGACY_PATCHES_ANNOTATION];
  if (noted === undefined) return (metadata.finalizers ?? []).includes(LEGACY.finalizer);
  return noted === contentHash(spec.patches);
}

/** Seconds of back-off that remain because 0.24's finalizer came back; 0 if it did not. */
export function backOffSeconds({ metadata }: JupyterServer, now: Date): number {
  const takenOver = metadata.annotations?.[TAKEN_OVER_ANNOTATION];
  const isBack = (metadata.finalizers ?? []).includes(LEGACY.finalizer);
  if (takenOver === undefined || !isBack || metadata.deletionTimestamp !== undefined) return 0;
  const remaining = BACK_OFF_SECONDS - secondsBetween(new Date(takenOver), now);
  return Number.isFinite(remaining) ? Math.max(0, Math.ceil(remaining)) : 0;
}

/** JSON patch operations that remove 0.24's finalizer and annotations from a server. */
export function removeLegacyMarks(
  { metadata, spec }: JupyterServer,
  settings: DecisionSettings,
  now: Date,
): readonly Operation[] {
  const index = (metadata.finalizers ?? []).indexOf(LEGACY.finalizer);
  const left = settings.keepPredecessorAnnotations
    ? []
    : Object.keys(metadata.annotations ?? {}).filter((key) => key.startsWith(LEGACY.annotationPrefix));
  const path = `/metadata/finalizers/${index}`;
  return [
    ...(index < 0
      ? []
      : [
          { op: "test", path, value: LEGACY.finalizer },
          { op: "remove", path },
          { op: "add", path: annotationPath(TAKEN_OVER_ANNOTATION), value: clientTime(now) },
          { op: "add", path: annotationPath(LEGACY_PATCHES_ANNOTATION), value: contentHash(spec.patches) },
        ]),
    // Their values can hold secrets, which must not be in a request that an audit log may keep: no `test` of them.
    ...left.map((key) => ({ op: "remove", path: annotationPath(key) })),
  ];
}
