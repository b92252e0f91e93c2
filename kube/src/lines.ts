import { ConnectionError } from "./errors.ts";

/**
 * Longest line of a watch. An object is at most 1.5 MiB in etcd and somewhat more as JSON, so a longer one is not an
 * event.
 * @see https://etcd.io/docs/v3.6/dev-guide/limit/
 */
const MAX_LINE_BYTES = 16 * 1024 * 1024;

const NEWLINE = 0x0a;

/**
 * Splits a stream into lines; the newline is not part of them, and empty lines are left out.
 * @throws ConnectionError if the stream ends within a line, or a line is longer than `maxLineBytes`.
 */
export async function* lines(
  chunks: AsyncIterable<Uint8Array>,
  maxLineBytes: number = MAX_LINE_BYTES,
): AsyncGenerator<string, void, undefined> {
  let parts: Uint8Array[] = []; // of the line that has not ended, not joined until it has: joining each time is quadratic
  let length = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      parts.push(chunk.subarray(start, end));
      checkLength(length + end - start, maxLineBytes);
      const line = Buffer.concat(parts).toString("utf8");
      if (line !== "") yield line;
      parts = [];
      length = 0;
      start = end + 1;
    }
    if (start < chunk.length) {
      parts.push(chunk.subarray(start));
      length += chunk.length - start;
      checkLength(length, maxLineBytes);
    }
  }
  if (length > 0) throw new ConnectionError("the watch ended in the middle of an event");
}

function checkLength(length: number, maxLineBytes: number): void {
  if (length > maxLineBytes) throw new ConnectionError(`an event of the watch is longer than ${maxLineBytes} bytes`);
}
