import { ANNOTATIONS, type JupyterServer } from "@amalthea/api";
import { isNoteOutdated } from "../culling/hibernated-by.ts";
import type { Action } from "../decision.ts";
import { serverTarget } from "../live/child.ts";
import { annotationPath, patchMetadata, type Operation } from "../metadata-patch.ts";
import type { DecisionSettings } from "../settings.ts";
import { removeLegacyMarks } from "../takeover/legacy.ts";
import { hibernationAnnotations } from "./hibernation-annotations.ts";

/**
 * Changes of the server's own metadata: legacy marks (0.24) are removed, and clients are notified of hibernation and
 * resume.
 */
export function planMetadata(server: JupyterServer, settings: DecisionSettings, now: Date): readonly Action[] {
  const left = removeLegacyMarks(server, settings, now);
  const notes = hibernationNotes(server, settings, now);
  const operations = [...left, ...notes];
  if (operations.length === 0) return [];
  const because = left.length > 0 ? "it carries legacy (0.24) marks" : "clients read there whether it is hibernated";
  return [patchMetadata(serverTarget(server), server.metadata.annotations, operations, because)];
}

function hibernationNotes(server: JupyterServer, settings: DecisionSettings, now: Date): readonly Operation[] {
  if (server.metadata.deletionTimestamp !== undefined) return [];
  const changes = hibernationAnnotations(server, settings, now) ?? {};
  const written = Object.entries(changes).map(([name, value]) => ({ op: "add", path: annotationPath(name), value }));
  return isNoteOutdated(server)
    ? [...written, { op: "remove", path: annotationPath(ANNOTATIONS.hibernatedBy) }]
    : written;
}
