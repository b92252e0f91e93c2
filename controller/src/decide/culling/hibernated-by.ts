import { ANNOTATIONS, CULLING_REASONS, type CullingReason, type JupyterServer } from "@amalthea/api";
import { kubernetesTime } from "../values/time.ts";
import type { Cull } from "./limits.ts";

/** What a server hibernated by a limit records about it. */
export type HibernatedBy = { readonly limit: CullingReason; readonly at: string };

type Note = HibernatedBy & {
  /** `status.startedAt` of the run that the limit ended; empty without one. */
  readonly run: string;
};

/**
 * The annotation that is written together with the hibernation, so that the reason is known later.
 *
 * @param server As it was when the limit was reached.
 */
export function hibernatedByNote({ reason, at }: Cull, { status }: JupyterServer): Readonly<Record<string, string>> {
  const run = status?.startedAt ?? "";
  return { [ANNOTATIONS.hibernatedBy]: `${reason} ${kubernetesTime(at)} ${run}`.trim() };
}

/** Which limit hibernated a server; undefined if it is not hibernated, or somebody else did it. */
export function hibernatedBy(server: JupyterServer): HibernatedBy | undefined {
  const note = noteOf(server);
  return note === undefined || !server.spec.jupyterServer.hibernated ? undefined : { limit: note.limit, at: note.at };
}

/**
 * Whether a server was hibernated by a limit and resumed again before its status reported that, because the controller
 * was killed in between: a new run begins, although the status still has the one before.
 */
export function isResumedUnseen(server: JupyterServer): boolean {
  const { state, startedAt = "" } = server.status ?? {};
  if (state === undefined || state === "hibernated" || server.spec.jupyterServer.hibernated) return false;
  return noteOf(server)?.run === startedAt;
}

/** Whether the note is about an earlier hibernation, which the status has seen the end of. */
export function isNoteOutdated(server: JupyterServer): boolean {
  const isNoted = server.metadata.annotations?.[ANNOTATIONS.hibernatedBy] !== undefined;
  return isNoted && !server.spec.jupyterServer.hibernated && !isResumedUnseen(server);
}

function noteOf({ metadata }: JupyterServer): Note | undefined {
  const [reason, time = "", run = ""] = (metadata.annotations?.[ANNOTATIONS.hibernatedBy] ?? "").split(" ");
  const at = new Date(time);
  const limit = CULLING_REASONS.find((known) => known === reason);
  if (limit === undefined || Number.isNaN(at.getTime())) return undefined;
  return { limit, at: kubernetesTime(at), run };
}
