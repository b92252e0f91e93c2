import { FIELD_MANAGERS, type JupyterServer, type JupyterServerStatus } from "@amalthea/api";
import { ApiError, isNotFound, keyOf, type Kind, type KubeClient, type Live, type ObjectKey } from "@amalthea/kube";
import { SERVER_KIND } from "../kinds.ts";
import { isObject } from "../decide/values/json.ts";
import { mergePatchBetween } from "../decide/values/merge-patch.ts";

export type StatusDeps = {
  /** Its writes throw unless this process is the leader. */
  readonly client: KubeClient;
  readonly recordWrite: (kind: Kind, object: Live) => void;
  readonly recordRemoval: (kind: Kind, key: ObjectKey, uid: string) => void;
};

/** `Unchanged`: the status is up to date, or the server is gone; nothing was sent or stored. */
export type StatusResult = "Written" | "Unchanged";

/**
 * Writes the difference between the live and the desired status: one merge patch, with null for what is gone, or nothing
 * at all. Its uid prevents it from applying to a server that was recreated under the same name.
 */
export async function writeStatus(
  server: JupyterServer,
  desired: JupyterServerStatus,
  deps: StatusDeps,
  signal: AbortSignal,
): Promise<StatusResult> {
  const present: unknown = server.status; // 0.24's CRD let everybody write anything there
  const status = mergePatchBetween(isObject(present) ? present : {}, desired);
  if (status === undefined) return "Unchanged";
  const { metadata } = server;
  const patch = { kind: "Merge", body: { metadata: { uid: metadata.uid }, status } } as const;
  const options = { subresource: "status", fieldManager: FIELD_MANAGERS.status } as const;
  try {
    deps.recordWrite(SERVER_KIND, await deps.client.patch(SERVER_KIND, metadata, patch, options, signal));
  } catch (error) {
    if (!isGone(error, metadata.name)) throw error;
    deps.recordRemoval(SERVER_KIND, keyOf(metadata), metadata.uid);
    return "Unchanged";
  }
  return "Written";
}

/** Where the CRD has no status subresource, 0.24's for instance, the API server says 404 as well, but of no object. */
function isGone(error: unknown, name: string): boolean {
  return isNotFound(error) && error instanceof ApiError && error.about === `${SERVER_KIND.plural}/${name}`;
}
