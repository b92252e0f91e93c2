import { FIELD_MANAGERS, type JupyterServer, type JupyterServerStatus } from "@amalthea/api";
import { type Clock, isNotFound, type Kind, type KubeClient, type Live } from "@amalthea/kube";
import { SERVER_KIND } from "../kinds.ts";
import { mergePatch } from "./merge-patch.ts";
import type { StatusPace } from "./status-pace.ts";

export type StatusDeps = {
  /** Its writes throw unless this process is the leader. */
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly pace: StatusPace;
  readonly recordWrite: (kind: Kind, object: Live) => void;
};

export type StatusResult =
  | { readonly kind: "Written" }
  /** The status is already so, or the server is gone: nothing was sent. */
  | { readonly kind: "Unchanged" }
  /** Only details differ, and the last write was a moment ago. */
  | { readonly kind: "Postponed"; readonly afterMs: number };

/**
 * Writes the difference between the status that is there and the one that should be: one merge patch, with null for what
 * is gone, or nothing at all. The uid in it keeps a server that was made anew under the same name from getting it.
 */
export async function writeStatus(
  server: JupyterServer,
  desired: JupyterServerStatus,
  deps: StatusDeps,
  signal: AbortSignal,
): Promise<StatusResult> {
  const { uid } = server.metadata;
  const present = server.status ?? {};
  const status = mergePatch(present, desired);
  if (status === undefined) return { kind: "Unchanged" };
  const nowMs = deps.clock.monotonicMs();
  const afterMs = deps.pace.waitMs(uid, present, desired, nowMs);
  if (afterMs > 0) return { kind: "Postponed", afterMs };
  const options = { subresource: "status", fieldManager: FIELD_MANAGERS.status } as const;
  try {
    const patch = { kind: "Merge", body: { metadata: { uid }, status } } as const;
    deps.recordWrite(SERVER_KIND, await deps.client.patch(SERVER_KIND, server.metadata, patch, options, signal));
  } catch (error) {
    if (isNotFound(error)) return { kind: "Unchanged" };
    throw error;
  }
  deps.pace.written(uid, nowMs);
  return { kind: "Written" };
}
