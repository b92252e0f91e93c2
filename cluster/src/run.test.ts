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

  it("ends the command when it is aborted", async () => {
    const abort = new AbortController();
    const running = run("sleep", ["60"], { signal: abort.signal });
    abort.abort(new Error("Interrupted."));
    await expect(running).rejects.toThrow("Interrupted.");
  });
});
