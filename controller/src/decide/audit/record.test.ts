import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { aServer } from "../testing/builders.ts";
import { endOf, following, goneServers, isContinuous, readLine } from "./known-servers.ts";
import { type AuditMessage, auditRecord, lineOf, stateChange } from "./record.ts";

const NOW = new Date("2026-03-01T12:00:00.500Z");

/** A server with this state in its status. */
function serverIn(state?: string): ReturnType<typeof aServer> {
  const server = aServer();
  return { ...server, status: state === undefined ? undefined : { state } } as typeof server;
}

describe("a line of the audit log", () => {
  it.each([
    { status: undefined, logged: undefined, next: "starting", change: { oldStatus: undefined, status: "starting" } },
    { status: "starting", logged: undefined, next: "running", change: { oldStatus: "starting", status: "running" } },
    { status: "running", logged: undefined, next: "running", change: undefined },
    { status: "running", logged: undefined, next: undefined, change: undefined },
    // Logged, but the status was not written: the same again is no news, anything else is.
    { status: "starting", logged: "running", next: "running", change: undefined },
    { status: "starting", logged: "running", next: "failed", change: { oldStatus: "running", status: "failed" } },
    { status: "starting", logged: "running", next: "starting", change: { oldStatus: "running", status: "starting" } },
    {
      status: "hibernated",
      logged: undefined,
      next: "stopping",
      change: { oldStatus: "hibernated", status: "stopping" },
    },
  ])("tells of $status → $next, the last line being $logged, as $change", ({ status, logged, next, change }) => {
    expect(stateChange(serverIn(status), next, logged)).toEqual(change);
  });

  it("has the fields of 0.24", () => {
    const server = serverIn("starting");
    const labelled = {
      ...server,
      metadata: {
        ...server.metadata,
        labels: { "renku.io/project": "p" },
        annotations: { "renku.io/project": "other", "renku.io/branch": "main", secret: "token" },
      },
      spec: {
        ...server.spec,
        jupyterServer: {
          ...server.spec.jupyterServer,
          image: "example.org/image:1",
          resources: { requests: { cpu: "500m", memory: "1Gi", "nvidia.com/gpu": 2 } },
        },
        storage: { ...server.spec.storage, size: "2G" },
      },
    } as typeof server;
    const change = { status: "running", oldStatus: "starting" };
    const record = auditRecord(labelled, change, ["renku.io/project", "renku.io/branch", "absent"], NOW);
    expect(JSON.parse(lineOf(record))).toEqual({
      time: "2026-03-01T12:00:00+00:00",
      message: {
        name: server.metadata.name,
        namespace: server.metadata.namespace,
        uid: server.metadata.uid,
        creation_timestamp: server.metadata.creationTimestamp.replace("Z", "+00:00"),
        resource_request: { cpu_millicores: 500, memory_bytes: 1_073_741_824, disk_bytes: 2_000_000_000, gpus: 2 },
        image: "example.org/image:1",
        status: "running",
        old_status: "starting",
        additional_labels: { "renku.io/project": "p", "renku.io/branch": "main" },
      },
    });
  });

  it("is one line of bounded length whatever users write, and is read back", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 2_000 }), (text) => {
        const server = serverIn("starting");
        const named = {
          ...server,
          metadata: { ...server.metadata, labels: { l: text } },
          spec: { jupyterServer: { image: `${text}\n"},\u2028\r` } },
        } as unknown as typeof server;
        const record = auditRecord(named, { status: "running", oldStatus: undefined }, ["l"], NOW);
        const line = lineOf(record);
        expect(line).not.toMatch(/[\n\r]/);
        expect(line.length).toBeLessThan(16_384);
        expect(readLine(line)).toEqual(record);
      }),
      { numRuns: 30 },
    );
  });

  it("is not made of what lacks the fields that are read", () => {
    expect(["", "{", "[]", '{"time":"t"}', '{"time":"t","message":{"uid":1,"status":"x"}}'].map(readLine)).toEqual(
      Array.from({ length: 5 }, () => undefined),
    );
  });
});

describe("what a log says of servers", () => {
  const message = (uid: string, status: string): AuditMessage => ({ uid, status }) as AuditMessage;

  it.each([
    { last: undefined, written: "starting → running" },
    { last: "starting", written: "starting → running" },
    { last: "running", written: undefined },
    { last: "failed", written: "failed → running" },
  ])("$last: of a change from starting to running that was decided meanwhile it gets $written", ({ last, written }) => {
    const record = auditRecord(serverIn("starting"), { status: "running", oldStatus: "starting" }, [], NOW);
    const next = following(record, last === undefined ? undefined : message("a", last));
    expect(next && `${next.message.old_status} → ${next.message.status}`).toBe(written);
  });

  it("lacks the end of those that are gone, unless it tells of it", () => {
    const known = new Map(
      [message("a", "running"), message("b", "stopping"), message("c", "running")].map((one) => [one.uid, one]),
    );
    const gone = goneServers(known, (uid) => uid === "c");
    expect(gone.map((one) => endOf(one, "now"))).toEqual([
      { time: "now", message: { uid: "a", status: "stopping", old_status: "running" } },
    ]);
  });

  it.each([
    { writtenIn: undefined, term: undefined, expected: true },
    { writtenIn: undefined, term: 3, expected: false },
    { writtenIn: 3, term: 4, expected: true },
    { writtenIn: 4, term: 4, expected: true },
    { writtenIn: 2, term: 4, expected: false },
    { writtenIn: 5, term: 0, expected: false },
  ])("is the last that any log says: written in term $writtenIn, read in $term: $expected", (given) => {
    expect(isContinuous(given.writtenIn, given.term)).toBe(given.expected);
  });
});
