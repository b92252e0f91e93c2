import type { JupyterServer, ServerState } from "@amalthea/api";
import { requestsOf } from "../live/resource-requests.ts";
import { isObject, objectOf, ownValue } from "../values/json.ts";
import { clientTime } from "../values/time.ts";

/** What a line of the audit log says, with the names that the legacy version (0.24) gave the fields. */
export type AuditRecord = {
  /** ISO 8601, seconds, with an offset. */
  readonly time: string;
  readonly message: AuditMessage;
};

export type AuditMessage = {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly creation_timestamp: string;
  /** Null unless the spec has CPU, memory and a size of the storage, as in 0.24. */
  readonly resource_request: ResourceRequest | null;
  /** Null of a server that was too large for the cache when it was deleted. */
  readonly image: string | null;
  readonly status: string;
  /** Null of a new server. */
  readonly old_status: string | null;
  /** Of the names that are configured those that the server has, as labels or else as annotations. */
  readonly additional_labels: Readonly<Record<string, string>>;
};

type ResourceRequest = {
  readonly cpu_millicores: number;
  readonly memory_bytes: number;
  readonly disk_bytes: number;
  readonly gpus: number;
};

/** A change of `status.state`. */
export type StateChange = { readonly status: string; readonly oldStatus: string | undefined };

/** Characters of a text that its owner chooses: a line stays short enough to be written at once. */
const MAX_TEXT = 1_024;

/** The state of a server that is gone: its last line says this, once. */
export const LAST_STATE: ServerState = "stopping";

/**
 * The change that must be logged before the status says `next`; undefined if the log's last line about the server
 * says so already.
 *
 * @param logged What that line says; undefined if it is what the status says.
 */
export function stateChange(
  server: JupyterServer,
  next: string | undefined,
  logged: string | undefined,
): StateChange | undefined {
  const oldStatus = logged ?? stateOf(server);
  return next === undefined || next === oldStatus ? undefined : { status: next, oldStatus };
}

/** The state as the status has it; undefined before there is one. */
export function stateOf({ status }: JupyterServer): string | undefined {
  const state: unknown = isObject(status) ? status["state"] : undefined; // 0.24's CRD let everybody write anything there
  return typeof state === "string" ? state : undefined;
}

/** What the log says of a change. Of the spec it takes numbers and the image, and nothing that can hold a secret. */
export function auditRecord(
  server: JupyterServer,
  { status, oldStatus }: StateChange,
  extraLabels: readonly string[],
  now: Date,
): AuditRecord {
  const { name, namespace, uid, creationTimestamp } = server.metadata;
  const image: unknown = objectOf(objectOf(server.spec)["jupyterServer"])["image"];
  return {
    time: clientTime(now),
    message: {
      ...{ name, namespace, uid },
      creation_timestamp: clientTime(new Date(creationTimestamp)),
      resource_request: resourceRequest(server),
      image: typeof image === "string" ? shortened(image) : null,
      status: shortened(status),
      old_status: oldStatus === undefined ? null : shortened(oldStatus),
      additional_labels: additionalLabels(server, extraLabels),
    },
  };
}

/** The record as a line without its terminator: JSON escapes any line break. */
export function lineOf(record: AuditRecord): string {
  return JSON.stringify(record);
}

function resourceRequest(server: JupyterServer): ResourceRequest | null {
  const { cpuCores, memoryBytes, gpus, diskBytes } = requestsOf(server) ?? {};
  if (cpuCores === undefined || memoryBytes === undefined || diskBytes === undefined) return null;
  return { cpu_millicores: cpuCores * 1_000, memory_bytes: memoryBytes, disk_bytes: diskBytes, gpus: gpus ?? 0 };
}

function additionalLabels({ metadata }: JupyterServer, names: readonly string[]): Readonly<Record<string, string>> {
  const { labels = {}, annotations = {} } = metadata;
  const entries = names.flatMap((name) => {
    const value = ownValue(labels, name) ?? ownValue(annotations, name) ?? "";
    return value === "" ? [] : [[name, shortened(value)] as const];
  });
  return Object.fromEntries(entries);
}

function shortened(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}
