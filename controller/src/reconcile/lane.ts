import type { JupyterServer } from "@amalthea/api";
import type { Lane } from "@amalthea/kube";

/**
 * Updates of a server that has a status come first: they usually cost one write, and somebody waits for them. A new
 * server costs a write for each child. @param initial It is of the first list, not of a change.
 */
export function laneOf(server: JupyterServer | undefined, initial: boolean): Lane {
  if (initial) return "Low";
  // Not `status`: of a new object the API server fills in the defaults of the CRD.
  return server?.status?.state === undefined ? "Normal" : "Urgent";
}
