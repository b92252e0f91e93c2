import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readLine } from "../decide/audit/known-servers.ts";
import type { AuditMessage } from "../decide/audit/record.ts";

/** A longer line is not ours. */
const MOST_OF_LINE = 1_048_576;

/** The whole lines of a file. */
export type Content = {
  /** Time of the first line; undefined: there is none. */
  readonly began: string | undefined;
  /** Where the last of them ends, and how long the file is. */
  readonly end: number;
  readonly bytes: number;
  /** Up to `end`, in hexadecimal digits. */
  readonly sha256: string;
};

/**
 * Reads a file once, piece by piece, so that others have their turn.
 * @param known Receives what the last line of each server says, by uid.
 * @throws what the file system says.
 */
export async function readContent(path: string, known?: Map<string, AuditMessage>): Promise<Content> {
  let began: string | undefined;
  const hash = createHash("sha256");
  let hashToEnd = hash.copy();
  let [bytes, end] = [0, 0];
  let begun: Buffer[] = [];
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    const whole = chunk.lastIndexOf(10) + 1;
    if (whole > 0) {
      const text = Buffer.concat([...begun, chunk.subarray(0, whole - 1)]).toString("utf8");
      for (const line of text.split("\n")) {
        if (began !== undefined && known === undefined) break;
        const record = readLine(line);
        began ??= record?.time;
        if (record !== undefined) known?.set(record.message.uid, record.message);
      }
      hashToEnd = hash.update(chunk.subarray(0, whole)).copy();
      end = bytes + whole;
      begun = [];
    }
    hash.update(chunk.subarray(whole));
    if (bytes - end < MOST_OF_LINE) begun.push(chunk.subarray(whole));
    bytes += chunk.length;
  }
  return { began, end, bytes, sha256: hashToEnd.digest("hex") };
}

/** What a file holds: the hash of its content, in hexadecimal digits, and how many lines. */
export type Digest = { readonly sha256: string; readonly lines: number };

/** Reads a file once. @throws what the file system says. */
export async function digestOf(path: string): Promise<Digest> {
  const hash = createHash("sha256");
  let lines = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, end + 1)) lines += 1;
  }
  return { sha256: hash.digest("hex"), lines };
}
