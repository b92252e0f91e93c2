import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JupyterServer, ServerState } from "@amalthea/api";
import { type Logger, systemClock } from "@amalthea/kube";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AuditRecord } from "../decide/audit/record.ts";
import { aServer } from "../decide/testing/builders.ts";
import { AuditLog } from "./audit-log.ts";

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

/** A process with its log in a folder; it leads from `lead` on until `stop`. */
class Process {
  readonly log: AuditLog;
  readonly #stop = new AbortController();
  #isLeader = false;
  #leading: Promise<void> | undefined;

  constructor(folder: string) {
    const files = { path: join(path, folder), rotateBytes: 1_000_000, rotateSeconds: 3_600, mostBytes: 10_000_000 };
    this.log = new AuditLog({
      ...{ clock: systemClock, logger: quiet, metrics: noMetrics, servers: () => servers },
      settings: { extraLabels: [], folder: files, s3: undefined },
      isLeader: () => this.#isLeader,
    });
  }

  lead(term: number | undefined): void {
    this.#isLeader = true;
    this.#leading = this.log.lead(term, this.#stop.signal);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#leading;
    this.#isLeader = false;
    await this.log.close();
  }
}

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
});
