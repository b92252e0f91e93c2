import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BuildError } from "./progress.ts";
import { run } from "./run.ts";
import type { Step } from "./run.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "run-"));
});
afterEach(async () => rm(folder, { recursive: true }));

const step = (...command: readonly [string, ...string[]]): Step => ({
  doing: "trying",
  command,
  remedy: "Try harder.",
});

async function runStep(tried: Step, lines: string[] = [], signal = new AbortController().signal): Promise<void> {
  await run(tried, { log: join(folder, "log"), progress: (line) => lines.push(line), signal });
}

describe("run", () => {
  it("says what it does and keeps what the command says in the log", async () => {
    const lines: string[] = [];
    await runStep(step("sh", "-c", "echo out; echo err >&2"), lines);
    expect(lines).toEqual(["trying"]);
    expect(await readFile(join(folder, "log"), "utf8")).toMatch(/^\n\$ sh -c .*\n(out\nerr|err\nout)\n$/);
  });

  it.each([
    { how: "fails", tried: step("sh", "-c", "exit 3"), says: "`sh -c exit 3`: exit code 3" },
    { how: "does not exist", tried: step("/no/such"), says: "`/no/such`: there is no such command" },
    { how: "is killed", tried: step("sh", "-c", "kill -9 $$"), says: "ended by SIGKILL" },
  ])("names the command, the log and the remedy when a command $how", async ({ tried, says }) => {
    const failure: unknown = await runStep(tried).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(BuildError);
    const { message } = failure as BuildError;
    expect(message).toContain(says);
    expect(message).toContain(`Log: ${join(folder, "log")}. Try harder.`);
  });

  it("ends the command and all it started when told to stop", async () => {
    const stop = new AbortController();
    // The background process holds the output open: the step would last as long as it does.
    const running = runStep(step("sh", "-c", "echo begun; sleep 600 & wait"), [], stop.signal);
    await vi.waitFor(async () => expect(await readFile(join(folder, "log"), "utf8")).toMatch(/^begun$/m));
    stop.abort(new Error("enough"));
    await expect(running).rejects.toThrow("enough");
  });

  it("starts nothing when it is already told to stop", async () => {
    await expect(runStep(step("true"), [], AbortSignal.abort(new Error("enough")))).rejects.toThrow("enough");
    expect(existsSync(join(folder, "log"))).toBe(false);
  });
});
