import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { isRunning, recordProcess, signalProcess, startTimeOf, stopProcess } from "./process-record.ts";

const statOf = (command: string, state: string): string =>
  `42 (${command}) ${state} 1 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 777 1000 10`;

describe("startTimeOf", () => {
  it("is not led astray by parentheses and spaces in the command's name", () => {
    expect(startTimeOf(statOf("a) R (b", "S"))).toBe("777");
  });

  it.each(["Z", "X"])("takes a process in state %s for ended", (state) => {
    expect(startTimeOf(statOf("sleep", state))).toBeUndefined();
  });
});

describe.skipIf(process.platform !== "linux")("a recorded process", () => {
  it("is told from a later one with the same id", () => {
    const own = recordProcess(process.pid);
    expect(own).toMatchObject({ pid: process.pid });
    if (own === undefined) return;
    expect(isRunning(own)).toBe(true);
    expect(isRunning({ ...own, startTime: "1" })).toBe(false);
    expect(isRunning({ ...own, bootId: "another boot" })).toBe(false);
  });

  it("gets no signal once its id belongs to another", async () => {
    const child = spawn("sleep", ["60"]);
    await once(child, "spawn");
    const record = recordProcess(child.pid ?? 0);
    expect(record).toBeDefined();
    if (record === undefined) return;
    signalProcess({ ...record, startTime: "1" }, "SIGKILL");
    expect(isRunning(record)).toBe(true);
    await stopProcess(record, 5);
    expect(isRunning(record)).toBe(false);
  });

  it("that does not heed SIGTERM is killed", async () => {
    const child = spawn("sh", ["-c", "trap '' TERM; echo ready; while :; do sleep 1; done"]);
    await once(child.stdout, "data");
    const record = recordProcess(child.pid ?? 0);
    expect(record).toBeDefined();
    if (record === undefined) return;
    await stopProcess(record, 0.2);
    expect(isRunning(record)).toBe(false);
  });
});
