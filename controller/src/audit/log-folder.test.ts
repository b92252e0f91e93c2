import { createHash } from "node:crypto";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AuditMessage } from "../decide/audit/record.ts";
import { LogFolder, type LogFolderOptions } from "./log-folder.ts";

let path: string;

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), "audit-log-"));
});

let folders = 0;
const opened: LogFolder[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((log) => log.close()));
  rmSync(path, { recursive: true });
});

const TIME = "2026-03-01T12:00:00+00:00";

function line(uid: string, status: string): string {
  return JSON.stringify({ time: TIME, message: { uid, status } });
}

type Dropped = Parameters<LogFolderOptions["onDropped"]>;

function folder(options: Partial<LogFolderOptions> = {}): LogFolder & { readonly dropped: Dropped[] } {
  const dropped: Dropped[] = [];
  const settings = {
    ...{ path, identity: `pod_${++folders}`, rotateBytes: 1_000_000, rotateSeconds: 3_600, mostBytes: 10_000_000 },
    onDropped: (...file: Dropped) => void dropped.push(file),
    onRotated: () => undefined,
    onProblem: (error: unknown) => {
      throw error;
    },
    ...options,
  };
  const log = Object.assign(new LogFolder(settings), { dropped });
  opened.push(log);
  return log;
}

const currents = (): readonly string[] => readdirSync(path).filter((name) => name.startsWith("current-"));
const current = (): string => currents().map(read).join("");
const allLines = (): readonly string[] =>
  [...rotated(), ...currents()].flatMap((name) => read(name).split("\n").slice(0, -1));
const nothing = { term: 1, known: new Map() };
const read = (name: string): string => readFileSync(join(path, name), "utf8");
const rotated = (): readonly string[] =>
  readdirSync(path)
    .filter((name) => name.startsWith("amalthea_audit_log_"))
    .toSorted();
const knownTo = async (reader: LogFolder): Promise<Readonly<Record<string, string>>> =>
  Object.fromEntries([...(await reader.resume()).known.values()].map(({ uid, status }) => [uid, status]));

describe("the folder of an audit log", () => {
  it("goes on after a crash, without the part of a line that the crash left", async () => {
    const before = folder();
    await before.remember(nothing);
    await before.append([line("a", "starting"), line("b", "starting")]);
    appendFileSync(join(path, currents()[0] ?? ""), line("c", "starting").slice(0, 20));
    const after = folder();
    expect(await knownTo(after)).toEqual({ a: "starting", b: "starting" });
    await after.remember({ term: 2, known: (await after.resume()).known });
    await after.append([line("a", "running")]);
    expect(allLines()).toEqual([line("a", "starting"), line("b", "starting"), line("a", "running")]);
    expect(await knownTo(folder())).toEqual({ a: "running", b: "starting" });
  });

  it("has every line of a leader that went on after the next one had begun, and believes the next one", async () => {
    const [late, next] = [folder(), folder()];
    await late.remember(nothing);
    await late.append([line("a", "starting")]);
    await next.remember({ term: 2, known: (await next.resume()).known });
    const uploaded = allLines();
    for (const name of rotated()) rmSync(join(path, name)); // as after an upload
    await late.append([line("a", "running")]);
    await next.append([line("a", "failed")]);
    await late.append([line("b", "starting")]);
    await late.rotate();
    await late.append([line("c", "starting")]);
    expect(await knownTo(folder())).toEqual({ a: "failed" });
    await next.rotate();
    await late.rotate();
    expect(currents()).toEqual([]);
    const all = [
      ["a", "starting"],
      ["a", "running"],
      ["a", "failed"],
      ["b", "starting"],
      ["c", "starting"],
    ] as const;
    expect([...uploaded, ...allLines()].toSorted()).toEqual(all.map(([uid, status]) => line(uid, status)).toSorted());
  });

  it("rotates what a process of the same pod left, and nothing of another pod that may live", async () => {
    const [dead, other] = [folder(), folder({ identity: "other-pod_1" })];
    await dead.remember(nothing);
    await dead.append([line("a", "starting")]);
    await other.append([line("b", "starting")]);
    await folder().rotateFormer();
    expect(rotated().map(read)).toEqual([`${line("a", "starting")}\n`]);
    expect(current()).toBe(`${line("b", "starting")}\n`);
    expect(await knownTo(folder())).toEqual({ a: "starting" });
  });

  it("is read whatever the size of its files, and others have their turn meanwhile", async () => {
    const before = folder();
    await before.remember(nothing);
    const lines = Array.from({ length: 100_000 }, (_, index) => line(`server-${index % 10}`, "running"));
    await before.append(lines);
    await before.append([line("last", "running")]);
    truncateSync(join(path, currents()[0] ?? ""), 600 * 1_048_576); // more than a string can hold
    let turns = 0;
    const counting = setInterval(() => (turns += 1), 0);
    expect(Object.keys(await knownTo(folder()))).toHaveLength(11);
    clearInterval(counting);
    expect(turns).toBeGreaterThan(20);
  });

  it("rotates a file that is large enough, under a name that tells its start and its content", async () => {
    const log = folder({ rotateBytes: 100 });
    await log.append([line("a", "starting")]);
    await log.append([line("a", "running")]);
    const names = rotated();
    expect(names).toHaveLength(1);
    expect(names[0]).toMatch(/^amalthea_audit_log_20260301_120000\+0000_[0-9a-f]{12}\.txt$/);
    expect(readFileSync(join(path, names[0] ?? ""), "utf8")).toBe(
      `${line("a", "starting")}\n${line("a", "running")}\n`,
    );
  });

  it("names a file after its whole lines, though a crash left part of one, and however long a line is", async () => {
    const dead = folder();
    await dead.remember(nothing);
    await dead.append([line("a", "starting")]);
    const whole = `${line("a", "starting")}\n${"x".repeat(3_000_000)}\n${line("a", "running")}\n`;
    writeFileSync(join(path, currents()[0] ?? ""), `${whole}{"time":"2026`);
    await folder().rotateFormer();
    expect(rotated().map(read)).toEqual([whole]);
    expect(rotated()[0]).toContain(createHash("sha256").update(whole).digest("hex").slice(0, 12));
    expect(await knownTo(folder())).toEqual({ a: "running" });
  });

  it("knows the servers of files that are gone, and forgets those whose end it told", async () => {
    const log = folder();
    await log.remember(nothing);
    await log.append([line("a", "running"), line("b", "running")]);
    await log.rotate();
    await log.append([line("b", "stopping")]);
    await log.rotate();
    await log.append([line("c", "starting")]);
    for (const name of rotated()) rmSync(join(path, name));
    expect(await knownTo(folder())).toEqual({ a: "running", c: "starting" });
  });

  it("knows in which term it was written", async () => {
    const known = new Map([["a", { uid: "a", status: "running" } as AuditMessage]]);
    await folder().remember({ term: 7, known });
    expect(await folder().resume()).toEqual({ term: 7, known });
  });

  it("deletes its oldest file for a new one when all may not take more, and says how many lines went", async () => {
    const log = folder({ rotateBytes: 100, mostBytes: 300 });
    await log.remember(nothing);
    for (let index = 0; index < 8; index++)
      await log.append([line(`server-${index}`, "running"), line("x", "running")]);
    expect(rotated().length).toBe(1);
    expect(log.dropped).toEqual(Array.from({ length: 7 }, () => [2, "Limit"]));
    expect(await knownTo(folder())).toMatchObject({ "server-0": "running" });
  });

  // Only Linux has a file that is always full.
  it.skipIf(process.platform !== "linux")(
    "deletes its oldest file when the volume is full, for a line and for what it notes of the servers",
    async () => {
      for (const name of ["current-pod_x.txt", "servers-pod_x.json.new"]) {
        const before = folder();
        await before.append([line("a", "starting")]);
        await before.rotate();
        const log = folder({ identity: "pod_x" });
        symlinkSync("/dev/full", join(path, name));
        await expect(name.startsWith("c") ? log.append([line("a", "running")]) : log.remember(nothing)).rejects.toThrow(
          "ENOSPC",
        );
        expect(log.dropped).toEqual([[1, "VolumeFull"]]);
        rmSync(join(path, name));
      }
    },
  );

  it("takes lines again when its volume can be written again", async () => {
    const log = folder({ identity: "pod_x" });
    await log.append([line("a", "starting")]);
    await log.rotate();
    mkdirSync(join(path, "current-pod_x.txt")); // what cannot be opened
    await expect(log.append([line("a", "running")])).rejects.toThrow("EISDIR");
    rmSync(join(path, "current-pod_x.txt"), { recursive: true });
    await log.append([line("a", "running")]);
    expect(current()).toBe(`${line("a", "running")}\n`);
  });
});
