import { CLIENT_ANNOTATIONS, type JupyterServer } from "@amalthea/api";
import type { DecisionSettings } from "../settings.ts";
import { clientTime } from "../values/time.ts";

/**
 * The annotations that tell clients of a hibernation, as far as they are to be written: filled on a hibernated server
 * without a date, where the client that hibernated it left them empty; blanked once the server is resumed.
 *
 * @returns Values by full annotation name; undefined when nothing is to be written.
 */
export function hibernationAnnotations(
  server: JupyterServer,
  { annotationPrefix }: Pick<DecisionSettings, "annotationPrefix">,
  now: Date,
): Readonly<Record<string, string>> | undefined {
  if (server.metadata.deletionTimestamp !== undefined) return undefined;
  const valueOf = (name: string): string | undefined => server.metadata.annotations?.[`${annotationPrefix}/${name}`];
  const { hibernated } = server.spec.jupyterServer;
  const hasDate = (valueOf(CLIENT_ANNOTATIONS.hibernationDate) ?? "") !== "";
  if (hibernated && hasDate) return undefined;
  const isDue = (value: string | undefined): boolean => (hibernated ? (value ?? "") === "" : (value ?? "") !== "");
  const due = Object.entries(hibernated ? filled(now) : BLANK).filter(
    ([name, value]) => isDue(valueOf(name)) && valueOf(name) !== value,
  );
  if (due.length === 0) return undefined;
  return Object.fromEntries(due.map(([name, value]) => [`${annotationPrefix}/${name}`, value]));
}

const { lastActivityDate: _ofActivity, ...OF_HIBERNATION } = CLIENT_ANNOTATIONS;

const BLANK: Readonly<Record<string, string>> = Object.fromEntries(
  Object.values(OF_HIBERNATION).map((name) => [name, ""]),
);

/** As 0.24 wrote it: the time is known, the state of a client's repository in the server is not. */
function filled(now: Date): Readonly<Record<string, string>> {
  const date = clientTime(now);
  return {
    ...BLANK,
    [CLIENT_ANNOTATIONS.hibernation]: JSON.stringify({ branch: "", commit: "", dirty: "", synchronized: "", date }),
    [CLIENT_ANNOTATIONS.hibernationDate]: date,
  };
}
