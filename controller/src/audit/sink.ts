import { write } from "node:fs";
import { promisify } from "node:util";

/** Where lines of the audit log go. */
export interface Sink {
  /** Resolves when the lines are as safe as they get there. @throws; then all of them are given again. */
  append(lines: readonly string[]): Promise<void>;
}

const writeTo = promisify(write);

/** Tells the lines apart from those of the controller's own log. */
const MARK = '{"log":"audit",';

/** Standard output, beside the controller's own log: as safe as what collects that makes it. */
export class StandardOutput implements Sink {
  async append(lines: readonly string[]): Promise<void> {
    // One write for each line: one of the controller's own log may come between two.
    for (const line of lines) await writeAll(Buffer.from(`${MARK}${line.slice(1)}\n`));
  }
}

async function writeAll(content: Buffer): Promise<void> {
  let rest = content;
  while (rest.length > 0) {
    const { bytesWritten } = await writeTo(process.stdout.fd, rest);
    rest = rest.subarray(bytesWritten);
  }
}
