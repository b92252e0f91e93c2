import { isObject, parseObject } from "../values/json.ts";
import { type AuditMessage, type AuditRecord, LAST_STATE } from "./record.ts";

/** What an audit log says of each server that it mentions, by uid: its last line. */
export type KnownServers = ReadonlyMap<string, AuditMessage>;

/** The record that a line holds; undefined if it is none, such as what somebody else wrote there. */
export function readLine(line: string): AuditRecord | undefined {
  const record = parseObject(line);
  const message = record?.["message"];
  if (typeof record?.["time"] !== "string" || !isObject(message)) return undefined;
  return typeof message["uid"] === "string" && typeof message["status"] === "string"
    ? (record as unknown as AuditRecord) // a line of ours, or one that has what is read of it
    : undefined;
}

/**
 * What remains to be logged of a record that was made before it was known what the log says last of its server.
 * @returns undefined if that is the same.
 */
export function following(record: AuditRecord, last: AuditMessage | undefined): AuditRecord | undefined {
  if (last === undefined) return record;
  if (record.message.status === last.status) return undefined;
  return { ...record, message: { ...record.message, old_status: last.status } };
}

/** Servers that are gone without a line that says so. */
export function goneServers(known: KnownServers, isThere: (uid: string) => boolean): readonly AuditMessage[] {
  return [...known.values()].filter(({ uid, status }) => status !== LAST_STATE && !isThere(uid));
}

/** The last line of a server whose previous line was `message`. */
export function endOf(message: AuditMessage, time: string): AuditRecord {
  return { time, message: { ...message, old_status: message.status, status: LAST_STATE } };
}

/**
 * Whether nobody else led since a log was written to: then what it says last is the last that any log says. The number is
 * the Lease's `leaseTransitions` in the term of the leader that wrote; undefined where leaders are not elected.
 */
export function isContinuous(writtenIn: number | undefined, term: number | undefined): boolean {
  if (term === undefined) return true;
  return writtenIn !== undefined && (writtenIn === term || writtenIn === term - 1);
}
