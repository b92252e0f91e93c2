import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { AuditMessage, AuditRecord } from "../../../controller/src/decide/audit/record.ts";
import { SERVER_KIND } from "../../../controller/src/kinds.ts";
import { BUCKET, KEY, ObjectStore } from "../audit/object-store.ts";
import { bundleTo, ControllerProcess } from "./controller-process.ts";
import { startOperator } from "./operator.ts";
import { eventually, User } from "./servers.ts";
import { startWorld, type World } from "./world.ts";

/** How many servers a replica has in its caches. */
const SERVERS_KNOWN = "amalthea_servers";

const SERVERS = Array.from({ length: 8 }, (_, index) => `server-${index}`);

let world: World;
let scratch: string;
let program: string;
let namespaces = 0;
let user: User;
let folder: string;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "audit-log-"));
  [world, program] = await Promise.all([
    startWorld(["scope.clusterWide=true"], { controllerManager: false }),
    bundleTo(scratch),
  ]);
});

afterAll(async () => {
  await world?.stop();
  rmSync(scratch, { recursive: true });
});

beforeEach(async () => {
  const namespace = await world.makeNamespace(`audited-${++namespaces}`);
  user = new User(world.admin, namespace);
  folder = join(scratch, namespace);
});

const running: { end: (signal: "SIGKILL") => Promise<unknown> }[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((controller) => controller.end("SIGKILL")));
});

const logTo = (path: string): Readonly<Record<string, string>> => ({ AUDITLOG_ENABLED: "true", AUDITLOG_FOLDER: path });
const start = async (env: Readonly<Record<string, string>> = logTo(folder)): Promise<ControllerProcess> =>
  await ControllerProcess.start(program, world, env, (controller) => void running.push(controller));

/** Every line of the files in a folder, in their order; each must be whole. */
function linesIn(path: string): readonly AuditRecord[] {
  const names = readdirSync(path).filter((name) => name.endsWith(".txt"));
  // Their names say the second in which they began, and two processes may have begun one each in it.
  const writtenAt = (name: string): number => statSync(join(path, name)).mtimeMs;
  return names
    .toSorted((one, other) => writtenAt(one) - writtenAt(other))
    .flatMap((name) => asLines(readFileSync(join(path, name), "utf8")));
}

/** The file that the latest process wrote. */
function currentIn(path: string): string {
  return readdirSync(path).find((name) => name.startsWith("current-")) ?? "current-none_1.txt";
}

function asLines(text: string): readonly AuditRecord[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as AuditRecord);
}

/** What the lines say of a server of this test: `null → starting`. */
function changesOf(name: string, records: readonly AuditRecord[]): readonly string[] {
  const ofServer = ({ message }: { message: AuditMessage }): boolean =>
    message.name === name && message.namespace === user.namespace;
  return records.filter(ofServer).map(({ message: { old_status: from, status } }) => `${from} → ${status}`);
}

async function setHibernated(hibernated: boolean, names: readonly string[] = SERVERS): Promise<void> {
  await Promise.all(names.map((name) => user.patchServer(name, { spec: { jupyterServer: { hibernated } } })));
}

async function untilState(state: string, names: readonly string[] = SERVERS): Promise<void> {
  await Promise.all(names.map((name) => user.until(name, ({ status }) => status?.state === state)));
}

async function untilLines(count: number): Promise<void> {
  await eventually(async () => expect(linesIn(folder).length).toBeGreaterThanOrEqual(count));
}

describe("the audit log of a controller", () => {
  it("has each change once, whenever the process is killed, and the deletions that nobody saw", async () => {
    let controller = await start();
    await Promise.all(SERVERS.map((name) => user.create(name)));
    for (const hibernated of [true, false]) {
      const before = await eventually(async () => linesIn(folder).length);
      const changing = setHibernated(hibernated);
      await untilLines(before + 3); // amid the lines of the others
      await controller.end("SIGKILL");
      await changing;
      if (!hibernated) await user.remove(SERVER_KIND, "server-0");
      appendFileSync(join(folder, currentIn(folder)), '{"time":"2026-03-01T12:0'); // what a write that was cut leaves
      controller = await start();
      await untilState(hibernated ? "hibernated" : "starting", SERVERS.slice(hibernated ? 0 : 1));
    }
    await user.remove(SERVER_KIND, "server-1");
    for (const name of ["server-0", "server-1"]) {
      await eventually(async () => expect(changesOf(name, linesIn(folder)).at(-1)).toMatch(/→ stopping$/));
    }
    expect(await controller.end("SIGTERM")).toBe(0);

    const records = linesIn(folder);
    for (const name of SERVERS) {
      const changes = changesOf(name, records);
      // Each begins where the one before ended: nothing is missing and nothing is there twice.
      expect(changes[0]).toMatch(/^null → (starting|hibernated)$/);
      for (const [index, change] of changes.slice(1).entries()) {
        expect(change.split(" → ")[0]).toBe(changes[index]?.split(" → ")[1]);
      }
      const isGone = ["server-0", "server-1"].includes(name);
      expect(changes.filter((change) => change.endsWith("stopping"))).toHaveLength(isGone ? 1 : 0);
      if (!isGone) expect(changes.at(-1)).toBe("hibernated → starting");
    }
  });

  it("is on the standard output, apart from its own log, where no folder is set", async () => {
    const controller = await start({ AUDITLOG_ENABLED: "true" });
    await user.create("alice", { jupyterServer: { image: 'example.org/"a:1' } });
    await untilState("starting", ["alice"]);
    await user.remove(SERVER_KIND, "alice");
    await eventually(async () => expect(controller.output).toContain('"status":"stopping"'));
    expect(await controller.end("SIGTERM")).toBe(0);
    const own = asLines(controller.output).filter((record) => "log" in record && record.log === "audit");
    expect(changesOf("alice", own)).toEqual(["null → starting", "starting → stopping"]);
    expect(own.find(({ message }) => message.name === "alice")?.message.image).toBe('example.org/"a:1');
  });

  it("is in the object store when the controller has stopped", async () => {
    await using store = await ObjectStore.start();
    const credentials = join(scratch, "credentials");
    mkdirSync(credentials);
    for (const [name, value] of Object.entries(KEY)) writeFileSync(join(credentials, name), value);
    const s3 = { ENDPOINT: store.endpoint, BUCKET, CREDENTIALS: credentials, PATH_PREFIX: "/lab/" };
    const variables = Object.entries(s3).map(([name, value]) => [`AUDITLOG_S3__${name}`, value] as const);
    const controller = await start({ ...logTo(folder), ...Object.fromEntries(variables) });
    await user.create("alice");
    await untilState("starting", ["alice"]);
    expect(await controller.end("SIGTERM")).toBe(0);
    const keys = await store.keys();
    expect(keys).toEqual([expect.stringMatching(/^lab\/amalthea_audit_log_/)]);
    expect(changesOf("alice", asLines(await store.content(keys[0] ?? "")))).toEqual(["null → starting"]);
    expect(linesIn(folder)).toEqual([]);
    for (const secret of Object.values(KEY)) expect(controller.output).not.toContain(secret);
  });

  it("keeps nobody from managing servers when it cannot be written, and catches up", async () => {
    appendFileSync(folder, "no folder");
    const operator = await startOperator(world, { environment: logTo(folder) });
    await operator.leading;
    await user.create("alice");
    await untilState("starting", ["alice"]);
    expect(await operator.metric("amalthea_audit_lines_waiting")).toBeGreaterThan(0);
    expect(operator.complaints.join()).toContain("cannot write to the audit log");
    rmSync(folder);
    await eventually(async () => expect(changesOf("alice", linesIn(folder))).toEqual(["null → starting"]));
    await eventually(async () => expect(await operator.metric("amalthea_audit_lines_waiting")).toBe(0)); // flushed, too
    await operator.stop();
  });

  it("is written by the leader alone, and its successor goes on with what is deleted at the change", async () => {
    const replica = async (path: string): ReturnType<typeof startOperator> =>
      await startOperator(world, { environment: { ...logTo(join(folder, path)), LEADER_ELECTION_ENABLED: "true" } });
    const first = await replica("first");
    await first.leading;
    const second = await replica("second");
    await user.create("alice");
    await user.create("bob");
    await untilState("starting", ["alice", "bob"]);
    await eventually(async () => expect(await second.metric(SERVERS_KNOWN)).toBe(await first.metric(SERVERS_KNOWN)));
    expect(() => readdirSync(join(folder, "second"))).toThrow("ENOENT");
    await first.stop();
    await user.remove(SERVER_KIND, "bob"); // seen by a replica that leads or is about to
    await second.leading;
    await setHibernated(true, ["alice"]);
    await untilState("hibernated", ["alice"]);
    await eventually(async () =>
      expect(changesOf("bob", linesIn(join(folder, "second")))).toEqual(["starting → stopping"]),
    );
    await second.stop();
    const all = [...linesIn(join(folder, "first")), ...linesIn(join(folder, "second"))];
    expect(changesOf("alice", all)).toEqual(["null → starting", "starting → hibernated"]);
    expect(changesOf("bob", all)).toEqual(["null → starting", "starting → stopping"]);
  });
});
