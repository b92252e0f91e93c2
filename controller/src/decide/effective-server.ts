import type { JupyterServer } from "@amalthea/api";

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === "string";
const isMap = (isEntry: Check): Check => {
  return (value) =>
    typeof value === "object" && value !== null && !Array.isArray(value) && Object.values(value).every(isEntry);
};
const isAnyMap = isMap(() => true);
const isCondition: Check = (value) =>
  isAnyMap(value) &&
  ["type", "status", "reason", "message", "lastTransitionTime"].every((key) => isText((value as never)[key]));

/** The fields of a previous status that are read, and the type each must have. */
const CHECKS: Readonly<Record<string, Check>> = {
  state: isText,
  url: isText,
  observedGeneration: (value) => typeof value === "number",
  toleratedViolations: (value) => Array.isArray(value) && value.every(isText),
  conditions: (value) => Array.isArray(value) && value.every(isCondition),
  create_fn: isAnyMap,
  children: isMap(isAnyMap),
  mainPod: isAnyMap,
  containerStates: isMap(isMap(isText)),
  startingSince: isText,
  failedSince: isText,
  hibernatedSince: isText,
  refreshedAt: isText,
};

/**
 * The server that decisions are made from, as opposed to the one that was stored. Fields of its status that do not
 * have their type are omitted, and so written again: 0.24's CRD did not validate the status. What administrators set
 * for every server (defaults, templates, policies) belongs here, too.
 *
 * @returns The very same object when nothing differs.
 */
export function effectiveServer(server: JupyterServer): JupyterServer {
  const { status } = server;
  if (status === undefined) return server;
  if (!isAnyMap(status)) {
    const { status: _unreadable, ...rest } = server;
    return rest;
  }
  const entries = Object.entries(status);
  const readable = entries.filter(([field, value]) => CHECKS[field]?.(value) !== false);
  return readable.length === entries.length ? server : { ...server, status: Object.fromEntries(readable) };
}
