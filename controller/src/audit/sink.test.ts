import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { systemClock } from "@amalthea/kube";
import { silentLogger } from "../../../kube/src/logger.ts";
import { afterEach, beforeEach, expect, it } from "vitest";
import { LineWriter } from "./line-writer.ts";
import { StandardOutput } from "./sink.ts";

let folder: string;
let reader: number;
let writer: number;

/** A pipe whose ends do not block, as a process gets its standard output from one that has asked for that. */
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pipe-"));
  const path = join(folder, "pipe");
  execFileSync("mkfifo", [path]);
  reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
});

afterEach(() => {
  for (const end of [reader, writer]) closeSync(end);
  rmSync(folder, { recursive: true });
});

/** Reads a little at a time until there are so many lines. */
async function readSlowly(lines: number): Promise<readonly string[]> {
  const some = Buffer.alloc(2_000);
  let text = "";
  for (let ends = 0; ends < lines;) {
    await setTimeout(1); // slower than lines come
    const piece = some.toString("latin1", 0, readPiece(some));
    text += piece;
    ends += piece.split("\n").length - 1;
  }
  return text.split("\n").slice(0, -1);
}

function readPiece(some: Buffer): number {
  try {
    return readSync(reader, some);
  } catch {
    return 0; // nothing there at the moment
  }
}

it("gives a slow reader of the standard output each line of the audit log once, and whole", async () => {
  // Every hundredth is longer than what a pipe takes in one piece.
  const lines = Array.from({ length: 2_000 }, (_, id) => JSON.stringify({ id, x: "x".repeat(id % 100 ? 300 : 9_000) }));
  const log = new LineWriter({
    ...{
      ready: async () => undefined,
      sink: new StandardOutput(systemClock, writer),
      clock: systemClock,
      logger: silentLogger,
    },
    ...{ onWritten: () => undefined, onLost: () => undefined, onWaiting: () => undefined },
  });
  const reading = readSlowly(lines.length);
  for (const line of lines) void log.add(() => line);
  expect(await reading).toEqual(lines.map((line) => `{"log":"audit",${line.slice(1)}`));
  await log.flush(10_000);
});
