import { API_VERSION, KIND, PREDECESSOR, type JupyterServer } from "@amalthea/api";
import type { Action } from "./decision.ts";
import { annotationPath, patchMetadata, type Operation } from "./metadata-patch.ts";
import type { DecisionSettings } from "./settings.ts";
import { hibernationAnnotations } from "./status-hibernation.ts";

/** When the predecessor's finalizer was taken away, as an annotation: if it comes back, the predecessor still runs. */
export const TAKEN_OVER_ANNOTATION = "amalthea.dev/taken-over-at";

/** How long we stand back from a predecessor that runs before we look whether it still does. */
export const STAND_BACK_SECONDS = 600;

/** Whether the server was made while the predecessor ran. */
export function wasPredecessors({ metadata }: JupyterServer): boolean {
  return (
    metadata.annotations?.[TAKEN_OVER_ANNOTATION] !== undefined ||
    (metadata.finalizers ?? []).includes(PREDECESSOR.finalizer)
  );
}

/** Seconds for which we still stand back from the predecessor, because its finalizer came back; 0 if it did not. */
export function standBackSeconds({ metadata }: JupyterServer, now: Date): number {
  const takenOver = metadata.annotations?.[TAKEN_OVER_ANNOTATION];
  const isBack = (metadata.finalizers ?? []).includes(PREDECESSOR.finalizer);
  if (takenOver === undefined || !isBack || metadata.deletionTimestamp !== undefined) return 0;
  const remaining = STAND_BACK_SECONDS - (now.getTime() - Date.parse(takenOver)) / 1000;
  return Number.isFinite(remaining) ? Math.max(0, Math.ceil(remaining)) : 0;
}

/** Changes of the server's own metadata: what the predecessor left goes, and clients learn of hibernation and resume. */
export function planMetadata(server: JupyterServer, settings: DecisionSettings, now: Date): readonly Action[] {
  const left = takeOver(server, settings, now);
  const notes = hibernationNotes(server, settings, now);
  const operations = [...left, ...notes];
  if (operations.length === 0) return [];
  const { namespace, name, uid, annotations } = server.metadata;
  const target = { apiVersion: API_VERSION, kind: KIND, namespace, name, uid };
  const because = left.length > 0 ? "the predecessor left marks on it" : "clients read there whether it is hibernated";
  return [patchMetadata(target, annotations, operations, because)];
}

function takeOver({ metadata }: JupyterServer, settings: DecisionSettings, now: Date): readonly Operation[] {
  const index = (metadata.finalizers ?? []).indexOf(PREDECESSOR.finalizer);
  const left = settings.keepPredecessorAnnotations
    ? []
    : Object.keys(metadata.annotations ?? {}).filter((key) => key.startsWith(PREDECESSOR.annotationPrefix));
  const path = `/metadata/finalizers/${index}`;
  return [
    ...(index < 0
      ? []
      : [
          { op: "test", path, value: PREDECESSOR.finalizer },
          { op: "remove", path },
          { op: "add", path: annotationPath(TAKEN_OVER_ANNOTATION), value: secondsOf(now) },
        ]),
    // Their values can hold secrets, which have no business in a request that an audit log may keep: no `test` of them.
    ...left.map((key) => ({ op: "remove", path: annotationPath(key) })),
  ];
}

function hibernationNotes(server: JupyterServer, settings: DecisionSettings, now: Date): readonly Operation[] {
  const changes = hibernationAnnotations(server, settings, now) ?? {};
  return Object.entries(changes).map(([name, value]) => ({ op: "add", path: annotationPath(name), value }));
}

/** ISO 8601 with the offset that the predecessor's clients parse. */
function secondsOf(now: Date): string {
  return `${now.toISOString().slice(0, 19)}+00:00`;
}
