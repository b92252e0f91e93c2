import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CommandError } from "@amalthea/cluster";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { run } from "./run.ts";
import type { Step } from "./run.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "run-"));
});
afterEach(async () => rm(folder, { recursive: true }));

const step = (...command: readonly [string, ...string[]]): Step => ({ title: "tried", command, remedy: "Try harder." });

async function runStep(tried: Step, lines: string[] = []): Promise<void> {
  const log = join(folder, "logs", "log");
  await run(tried, { log, progress: (line) => lines.push(line), signal: new AbortController().signal });
}

describe("run", () => {
  it("says when the step is done and keeps what the command says in the log", async () => {
    const lines: string[] = [];
    await runStep(step("sh", "-c", "echo out"), lines);
    expect(lines).toEqual([expect.stringMatching(/^ {2}✓ tried \(\d+\.\d s\)$/)]);
    expect(await readFile(join(folder, "logs", "log"), "utf8")).toBe("\n$ sh -c echo out\nout\n");
  });

  it("names the command, the log and the remedy when the command fails", async () => {
    const failure: unknown = await runStep(step("/no/such")).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CommandError);
    const { message } = failure as CommandError;
    expect(message).toContain("`/no/such` cannot be run");
    expect(message).toContain(`(log: ${join(folder, "logs", "log")})`);
    expect(message).toContain("Try harder.");
  });

  it("hands on nothing of the environment of this process when the step has one of its own", async () => {
    await runStep({ ...step("/usr/bin/env"), env: { ONLY: "this" } });
    expect(await readFile(join(folder, "logs", "log"), "utf8")).toMatch(/\nONLY=this\n$/);
  });
});
