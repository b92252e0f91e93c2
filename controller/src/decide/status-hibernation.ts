import { CLIENT_ANNOTATIONS, type JupyterServer } from "@amalthea/api";
import type { DecisionSettings } from "./settings.ts";
import { clientTime } from "./status-text.ts";

/**
 * The annotations by which clients learn of a hibernation, as far as they are to be written: filled where the client that
 * hibernated the server left them empty, blanked once the server is awake.
 *
 * @returns Values by full annotation name; undefined when nothing is to be written.
 */
export function hibernationAnnotations(
  server: JupyterServer,
  { annotationPrefix }: Pick<DecisionSettings, "annotationPrefix">,
  now: Date,
): Readonly<Record<string, string>> | undefined {
  if (server.metadata.deletionTimestamp !== undefined) return undefined;
  const current = server.metadata.annotations ?? {};
  const wanted = Object.entries(server.spec.jupyterServer.hibernated ? filled(now) : BLANK);
  const changes = wanted
    .map(([name, value]) => [`${annotationPrefix}/${name}`, value] as const)
    .filter(([name, value]) => (value === "" ? hasToBlank(server, current[name]) : (current[name] ?? "") === ""));
  return changes.length === 0 ? undefined : Object.fromEntries(changes);
}

/** An awake server has no values; a hibernated one keeps those of its client. */
function hasToBlank(server: JupyterServer, value: string | undefined): boolean {
  return server.spec.jupyterServer.hibernated ? value === undefined : value !== undefined && value !== "";
}

const BLANK: Readonly<Record<string, string>> = {
  [CLIENT_ANNOTATIONS.hibernation]: "",
  [CLIENT_ANNOTATIONS.hibernationBranch]: "",
  [CLIENT_ANNOTATIONS.hibernationCommitSha]: "",
  [CLIENT_ANNOTATIONS.hibernationDate]: "",
  [CLIENT_ANNOTATIONS.hibernationDirty]: "",
  [CLIENT_ANNOTATIONS.hibernationSynchronized]: "",
};

/** What the predecessor wrote: we know the time, and nothing of the repository that a client may have in the server. */
function filled(now: Date): Readonly<Record<string, string>> {
  const date = clientTime(now);
  return {
    ...BLANK,
    [CLIENT_ANNOTATIONS.hibernation]: JSON.stringify({ branch: "", commit: "", dirty: "", synchronized: "", date }),
    [CLIENT_ANNOTATIONS.hibernationDate]: date,
  };
}
