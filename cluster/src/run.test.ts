import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { CommandError, run } from "./run.ts";

describe("run", () => {
  it("hands over the input and gives back both outputs", async () => {
    const result = await run("sh", ["-c", "cat; echo warning >&2"], { stdin: "text" });
    expect(result).toEqual({ stdout: "text", stderr: "warning\n" });
  });

  it("names the command, its last words and the remedy when it fails", async () => {
    const failure = run("sh", ["-c", "echo no space >&2; exit 3"], { remedy: "Free some." });
    await expect(failure).rejects.toThrow(/`sh -c .*` failed: no space\nFree some\./);
    await expect(failure).rejects.toMatchObject({ exitCode: 3 });
  });

  it("says of a missing program that it cannot be run", async () => {
    await expect(run("no-such-program", [])).rejects.toThrow(CommandError);
    await expect(run("no-such-program", [])).rejects.toThrow("`no-such-program` cannot be run");
  });

  it("says how a command ended that said nothing", async () => {
    await expect(run("false", [])).rejects.toThrow("`false` failed: exit code 1");
    await expect(run("sh", ["-c", "kill -9 $$"])).rejects.toThrow("ended by SIGKILL");
  });

  it("keeps the command and what it says in a log, which a failure names", async () => {
    const folder = mkdtempSync(join(tmpdir(), "amalthea-run-"));
    const logFile = join(folder, "log");
    await expect(run("sh", ["-c", "echo why >&2; exit 3"], { logFile })).rejects.toThrow(
      `failed (log: ${logFile}): why`,
    );
    expect(readFileSync(logFile, "utf8")).toBe("\n$ sh -c echo why >&2; exit 3\nwhy\n");
    rmSync(folder, { recursive: true });
  });

  it("tells of each line of both outputs", async () => {
    const lines: string[] = [];
    await run("sh", ["-c", "printf 'one\\ntw'; printf 'o\\n'; echo three >&2"], { onLine: (line) => lines.push(line) });
    expect(lines.toSorted()).toEqual(["one", "three", "two"]);
  });

  it("gives the command no variable of this process when told so", async () => {
    const { stdout } = await run("/usr/bin/env", [], { env: { ONLY: "this" }, onlyEnv: true });
    expect(stdout).toBe("ONLY=this\n");
  });

  it("ends the command and all it started when it is aborted", async () => {
    const abort = new AbortController();
    // The background process holds the output open: the command would last as long as it does.
    const running = run("sh", ["-c", "sleep 60 & wait"], { signal: abort.signal });
    abort.abort(new Error("Interrupted."));
    await expect(running).rejects.toThrow("Interrupted.");
  });

  it("starts nothing when it is aborted already", async () => {
    await expect(run("true", [], { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
  });
});
