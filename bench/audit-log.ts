import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";

/** One finished request as the API server's audit log tells it. */
export type AuditedCall = {
  readonly verb: string;
  readonly resource: string;
  readonly subresource: string | undefined;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly user: string;
  readonly code: number;
  readonly at: Date;
};

type AuditEvent = {
  readonly stage: string;
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: {
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly responseStatus?: { readonly code?: number };
  readonly stageTimestamp: string;
};

/** Reads the finished calls of one user since a moment; the counts of the bench come from here, not from our counters. */
export async function readCalls(path: string, user: string, since: Date): Promise<readonly AuditedCall[]> {
  const calls: AuditedCall[] = [];
  for await (const line of createInterface({ input: createReadStream(path) })) {
    const event = JSON.parse(line) as AuditEvent; // audit.k8s.io/v1 Event
    const at = new Date(event.stageTimestamp);
    if (event.stage !== "ResponseComplete" || event.user.username !== user || at < since) continue;
    calls.push({
      verb: event.verb,
      resource: event.objectRef?.resource ?? "",
      subresource: event.objectRef?.subresource,
      namespace: event.objectRef?.namespace,
      name: event.objectRef?.name,
      user,
      code: event.responseStatus?.code ?? 0,
      at,
    });
  }
  return calls;
}

const WRITE_VERBS: readonly string[] = ["create", "update", "patch", "delete", "deletecollection"];

/** Writes of objects: neither Events nor the lease, which are counted apart. */
export function writesAmong(calls: readonly AuditedCall[]): readonly AuditedCall[] {
  return calls.filter(({ verb, resource }) => WRITE_VERBS.includes(verb) && !["events", "leases"].includes(resource));
}

/** Reads that are no watch, without the lease. */
export function readsAmong(calls: readonly AuditedCall[]): readonly AuditedCall[] {
  return calls.filter(({ verb, resource }) => ["get", "list"].includes(verb) && resource !== "leases" && resource !== "");
}

/** Counts calls as `verb resource/subresource`, for a table. */
export function countByKind(calls: readonly AuditedCall[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { verb, resource, subresource } of calls) {
    const kind = `${verb} ${resource}${subresource === undefined ? "" : `/${subresource}`}`;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}
