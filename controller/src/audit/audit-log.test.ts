import { execFileSync } from "node:child_process";
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { JupyterServer, ServerState } from "@amalthea/api";
import type { Clock, Logger } from "@amalthea/kube";
import { FakeClock } from "@amalthea/kube/testing";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { AuditRecord } from "../decide/audit/record.ts";
import { aServer } from "../decide/testing/builders.ts";
import { AuditLog } from "./audit-log.ts";
import type { S3Target } from "./s3.ts";

const quiet: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const noMetrics = {
  ...{ auditLines: () => {}, auditLinesWaiting: () => {}, auditUpload: () => {}, auditFilesWaiting: () => {} },
};

let path: string;
/** What the API has. */
let servers: JupyterServer[];

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), "audit-log-"));
  servers = [];
});

afterEach(() => rmSync(path, { recursive: true }));

function aServerIn(state: ServerState | undefined): JupyterServer {
  const server = { ...aServer(), ...(state === undefined ? {} : { status: { state } }) };
  servers = [server];
  return server;
}

/** Refuses at once: nothing listens there. */
const UNREACHABLE: S3Target = {
  ...{ endpoint: "http://127.0.0.1:1", bucket: "audit", pathPrefix: "", region: undefined },
  ...{ credentialsFolder: "/nowhere", caFile: undefined },
};

let processes = 0;

/** A process with its log in a folder; it leads from `lead` on until `stop`. */
class Process {
  readonly log: AuditLog;
  readonly identity: string;
  readonly #stop = new AbortController();
  #isLeader = false;
  #leading: Promise<void> | undefined;

  /** Lines by result. */
  readonly counts = { Written: 0, Lost: 0, Expired: 0 };

  constructor(
    folder: string,
    {
      clock = new FakeClock(), // on which nobody loses patience with a disk that is busy
      mostBytes = 10_000_000,
      s3,
    }: { clock?: Clock; mostBytes?: number; s3?: S3Target | undefined } = {},
  ) {
    this.identity = `pod-${folder}_${++processes}`;
    const files = { path: join(path, folder), rotateBytes: mostBytes / 2, rotateSeconds: 3_600, mostBytes };
    this.log = new AuditLog({
      ...{ clock, logger: quiet, servers: () => servers },
      metrics: { ...noMetrics, auditLines: (result, lines) => void (this.counts[result] += lines) },
      identity: this.identity,
      isThere: (uid) => servers.some(({ metadata }) => metadata.uid === uid),
      settings: { extraLabels: [], folder: files, s3 },
      isLeader: () => this.#isLeader,
    });
  }

  lead(term: number | undefined): void {
    this.#isLeader = true;
    this.#leading = this.log.lead(term, this.#stop.signal);
  }

  /** It goes on, but does not lead any more. */
  async endTerm(): Promise<void> {
    this.#stop.abort();
    await this.#leading;
    this.#isLeader = false;
  }

  async stop(): Promise<void> {
    await this.endTerm();
    await this.log.close();
  }
}

/** Makes what hangs whoever opens it, as a volume whose server is away. */
function hang(folder: string, name: string): void {
  mkdirSync(join(path, folder), { recursive: true });
  execFileSync("mkfifo", [join(path, folder, name)]);
}

function endHanging(folder: string): void {
  const pipes = readdirSync(join(path, folder), { withFileTypes: true }).filter((entry) => entry.isFIFO());
  for (const { name } of pipes) closeSync(openSync(join(path, folder, name), constants.O_RDWR | constants.O_NONBLOCK));
}

/** Whoever comes to it later does not hang either. */
async function endHangingUntil(folder: string, isDone: () => void): Promise<void> {
  const attempt = (): void => {
    endHanging(folder);
    isDone();
  };
  await vi.waitFor(attempt, { timeout: 20_000 });
}

/** Lets time go by until this is done, slowly enough for a disk that works. */
async function inTime(clock: FakeClock, work: Promise<unknown>): Promise<void> {
  let isDone = false;
  const done = work.finally(() => (isDone = true));
  for (; !isDone; await setTimeout(5)) await clock.advance(250);
  await done;
}

const currentIn = (folder: string): readonly string[] =>
  readdirSync(join(path, folder)).filter((name) => name.startsWith("current-"));

function linesIn(folder: string): readonly string[] {
  const names = readdirSync(join(path, folder)).filter((name) => name.endsWith(".txt"));
  const text = names.map((name) => readFileSync(join(path, folder, name), "utf8")).join("");
  const records = text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as AuditRecord]));
  return records.map(({ message }) => `${message.old_status} → ${message.status}`);
}

describe("an audit log", () => {
  it("has the line before anybody may write the status", async () => {
    const one = new Process("a");
    one.lead(1);
    await one.log.beforeStatus(aServerIn(undefined), { state: "starting" });
    expect(linesIn("a")).toEqual(["null → starting"]);
    await one.stop();
  });

  it("has one line, though the status was refused and is written again, and goes on from it", async () => {
    const one = new Process("a");
    one.lead(1);
    const server = aServerIn("starting");
    for (let attempt = 0; attempt < 3; attempt++) await one.log.beforeStatus(server, { state: "running" });
    await one.log.beforeStatus(server, { state: "failed" });
    await one.stop();
    expect(linesIn("a")).toEqual(["starting → running", "running → failed"]);
  });

  it("has one line when the process dies between the line and the status, and the next one has its folder", async () => {
    const server = aServerIn("starting");
    const [one, next] = [new Process("a"), new Process("a")];
    one.lead(1);
    await one.log.beforeStatus(server, { state: "running" }); // and dies
    next.lead(2);
    await next.log.beforeStatus(server, { state: "running" });
    await Promise.all([one.stop(), next.stop()]);
    expect(linesIn("a")).toEqual(["starting → running"]);
  });

  it.each([
    { slow: "to read what was logged", name: "servers-x_1.json" },
    { slow: "to take the folder over", name: "current-x_1.txt" },
  ])(
    "has one line also where the next process is slow $slow, however long, and keeps nobody waiting",
    async ({ name }) => {
      const clock = new FakeClock();
      const server = aServerIn("starting");
      const [one, next] = [new Process("a"), new Process("a", { clock })];
      one.lead(1);
      await one.log.beforeStatus(server, { state: "running" }); // and dies
      hang("a", name);
      next.lead(2);
      await inTime(clock, next.log.beforeStatus(server, { state: "running" }));
      next.log.statusWritten(server);
      const written = { ...server, status: { state: "running" } } as const;
      servers = [written];
      await inTime(clock, next.log.beforeStatus(written, { state: "failed" }));
      await clock.advance(60_000);
      await endHangingUntil("a", () => expect(next.counts.Written).toBe(1));
      await inTime(clock, Promise.all([one.stop(), next.stop()]));
      expect(linesIn("a").toSorted()).toEqual(["running → failed", "starting → running"]);
    },
  );

  it("has what happened since after the last line that the next process is slow to read", async () => {
    const clock = new FakeClock();
    const server = aServerIn("starting");
    const [one, next] = [new Process("a"), new Process("a", { clock })];
    one.lead(1);
    await one.log.beforeStatus(server, { state: "running" }); // and dies
    hang("a", "servers-x_1.json");
    next.lead(2);
    await inTime(clock, next.log.beforeStatus(server, { state: "failed" }));
    await endHangingUntil("a", () => expect(next.counts.Written).toBe(1));
    await inTime(clock, Promise.all([one.stop(), next.stop()]));
    expect(linesIn("a").toSorted()).toEqual(["running → failed", "starting → running"]);
  });

  it.each([
    { circumstance: "slow to read the log", isSlow: true },
    { circumstance: "quick", isSlow: false },
  ])(
    "has the change whose line was lost with the process, though the next one, being $circumstance, changes nothing",
    async ({ isSlow }) => {
      const server = aServerIn(undefined);
      const [one, next] = [new Process("a"), new Process("a")];
      one.lead(1);
      await one.log.beforeStatus(server, { state: "starting" });
      const written = aServerIn("running"); // though the line waited, because the volume hung
      if (isSlow) hang("a", "servers-x_1.json");
      next.lead(2);
      await next.log.beforeStatus(written, { state: "running" });
      await endHangingUntil("a", () => expect(next.counts.Written).toBe(1));
      await Promise.all([one.stop(), next.stop()]);
      expect(linesIn("a").toSorted()).toEqual(["null → starting", "starting → running"]);
    },
  );

  it("has the change twice when it dies there and the next one has another folder, and loses none", async () => {
    const server = aServerIn("starting");
    const [one, next] = [new Process("a"), new Process("b")];
    one.lead(1);
    await one.log.beforeStatus(server, { state: "running" }); // and dies
    next.lead(2);
    await next.log.beforeStatus(server, { state: "running" });
    await Promise.all([one.stop(), next.stop()]);
    expect([...linesIn("a"), ...linesIn("b")]).toEqual(["starting → running", "starting → running"]);
  });

  it("does not believe what a folder says from before another leader", async () => {
    const one = new Process("a");
    one.lead(1);
    await one.log.beforeStatus(aServerIn("starting"), { state: "running" });
    await one.stop();
    const server = aServerIn("hibernated"); // so by another leader, in term 2
    const again = new Process("a");
    again.lead(3);
    await again.log.beforeStatus(server, { state: "hibernated" });
    await again.log.beforeStatus(server, { state: "starting" });
    await again.stop();
    const last = new Process("a");
    last.lead(4);
    await last.log.beforeStatus(server, { state: "starting" });
    await last.stop();
    expect(linesIn("a").toSorted()).toEqual(["hibernated → starting", "starting → running"]);
  });

  it("tells of a server that was deleted while nobody led, if nobody else could", async () => {
    for (const [folder, nextTerm] of [["a", 2] as const, ["b", 3] as const]) {
      const one = new Process(folder);
      aServerIn("running");
      one.lead(1);
      await one.stop();
      servers = [];
      const next = new Process(folder);
      next.lead(nextTerm);
      await next.stop();
    }
    expect(linesIn("a")).toEqual(["running → stopping"]);
    expect(linesIn("b")).toEqual([]); // another leader has led in between: it told
  });

  it("tells as a new leader of what was deleted a moment before, and as a follower of nothing", async () => {
    const standby = new Process("a");
    standby.log.removed(aServerIn("running"));
    standby.log.removed(aServerIn(undefined)); // it never had a state
    standby.log.removed(aServerIn("stopping")); // it had its last line
    await standby.log.beforeStatus(aServerIn(undefined), { state: "starting" });
    expect(readdirSync(path)).toEqual([]);
    standby.lead(2);
    await standby.stop();
    expect(linesIn("a")).toEqual(["running → stopping"]);
  });

  it("ends its term and its process though the volume hangs, wherever that was noticed", async () => {
    for (const folder of ["servers", "current"]) {
      const clock = new FakeClock();
      const one = new Process(folder, { clock });
      hang(folder, folder === "servers" ? "servers-x_1.json" : `current-${one.identity}.txt`);
      one.lead(1);
      await inTime(clock, one.log.beforeStatus(aServerIn(undefined), { state: "starting" }));
      const stop = new AbortController();
      const uploading = one.log.upload(stop.signal);
      stop.abort();
      await inTime(clock, Promise.all([uploading, one.stop()]));
      endHanging(folder);
    }
  });

  it("tells of deletions once the volume can be used, if it cannot when the term begins", async () => {
    const clock = new FakeClock();
    const standby = new Process("a", { clock });
    writeFileSync(join(path, "a"), "no folder");
    standby.log.removed(aServerIn("running"));
    servers = [];
    standby.lead(2);
    await inTime(clock, standby.log.beforeStatus(aServerIn(undefined), { state: "starting" }));
    servers = [];
    rmSync(join(path, "a"));
    for (let lines = 0; lines < 2; await setTimeout(5)) {
      await clock.advance(250);
      lines = existsSync(join(path, "a")) ? linesIn("a").length : 0;
    }
    await inTime(clock, standby.stop());
    expect(linesIn("a").toSorted()).toEqual(["null → starting", "running → stopping"]);
  });

  it.each([
    { result: "Expired", where: "nothing is uploaded, so that the limit is how long lines are kept", s3: undefined },
    { result: "Lost", where: "they were to be uploaded", s3: UNREACHABLE },
  ] as const)("counts the lines of old files that are deleted at the limit as $result where $where", async (row) => {
    const one = new Process("a", { mostBytes: 1_000, s3: row.s3 });
    one.lead(1);
    const server = aServerIn("starting");
    for (let count = 0; count < 10; count++) {
      await one.log.beforeStatus(server, { state: count % 2 === 0 ? "running" : "starting" });
    }
    await one.stop();
    const deleted = 10 - linesIn("a").length;
    expect(deleted).toBeGreaterThan(0);
    expect(one.counts).toEqual({ Written: 10, Lost: 0, Expired: 0, [row.result]: deleted });
  });

  it("tells of nothing after the last line of a server", async () => {
    const one = new Process("a");
    one.lead(1);
    const server = aServerIn("running");
    await one.log.beforeStatus(server, { state: "running" });
    servers = [];
    one.log.removed(server);
    await one.log.beforeStatus(server, { state: "failed" });
    await one.stop();
    expect(linesIn("a")).toEqual(["running → stopping"]);
  });

  it("rotates what a crashed process of its pod left, though it does not lead itself", async () => {
    const [one, next] = [new Process("a"), new Process("a")];
    one.lead(1);
    await one.log.beforeStatus(aServerIn("starting"), { state: "running" }); // and dies
    const stop = new AbortController();
    const uploading = next.log.upload(stop.signal);
    await vi.waitFor(() => expect(currentIn("a")).toEqual([]), { timeout: 20_000 });
    stop.abort();
    await uploading;
    expect(linesIn("a")).toEqual(["starting → running"]);
    await one.stop();
  });

  it("rotates the file with the lines that could be written only at the end of the process", async () => {
    const clock = new FakeClock();
    const one = new Process("a", { clock });
    writeFileSync(join(path, "a"), "no folder");
    one.lead(1);
    await inTime(clock, one.log.beforeStatus(aServerIn("starting"), { state: "running" }));
    await inTime(clock, one.endTerm());
    rmSync(join(path, "a"));
    await one.log.close();
    expect(linesIn("a")).toEqual(["starting → running"]);
    expect(currentIn("a")).toEqual([]);
  });
});
