import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { readActivityReport } from "@amalthea/api";
import { afterEach, describe, expect, it } from "vitest";
import { createActivityServer } from "./activity-server.ts";
import { Activity } from "./server-deps.ts";

const KEY = "0123456789abcdef0123456789abcdef";
const NOW = Date.parse("2026-03-01T12:00:00Z");
const kernel = { execution_state: "busy", connections: 1, last_activity: new Date(NOW - 5000).toISOString() };

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function listening(server: Server): Promise<number> {
  servers.push(server.listen(0, "127.0.0.1"));
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

type Jupyter = { readonly port: number; readonly paths: string[] };

/** Something that answers in Jupyter's place. */
async function jupyter(answers: Readonly<Record<string, string | number>>): Promise<Jupyter> {
  const paths: string[] = [];
  const server = createServer((request, response) => {
    paths.push(request.url ?? "");
    const answer = answers[(request.url ?? "").split("?")[0] ?? ""] ?? 404;
    if (typeof answer === "number") response.writeHead(answer, { location: "/elsewhere" }).end();
    else response.end(answer);
  });
  return { port: await listening(server), paths };
}

async function activityServer(
  upstream: Jupyter,
  activity = new Activity(() => NOW - 7000),
  areRenewed?: boolean,
): Promise<string> {
  const config = { jupyter: { host: "127.0.0.1", port: upstream.port }, basePath: "/a" };
  const sources = { config, sockets: { size: 2 }, activity, sessions: { areRenewed }, now: () => NOW };
  const server = createActivityServer(KEY, sources);
  return `http://127.0.0.1:${await listening(server)}`;
}

const withKey = (key: string): RequestInit => ({ headers: { authorization: `Bearer ${key}` } });
const status = JSON.stringify({ last_activity: new Date(NOW - 3000).toISOString() });
const healthy = { "/a/api/status": status, "/a/api/kernels": JSON.stringify([kernel]), "/a/api/terminals": "[]" };

describe("the activity", () => {
  it("is told to whoever has the key, and Jupyter does not count the question", async () => {
    const upstream = await jupyter(healthy);
    const activity = new Activity(() => NOW - 7000);
    activity.note({ kind: "Page", method: "GET" });
    const response = await fetch(`${await activityServer(upstream, activity)}/activity`, withKey(KEY));
    const report: unknown = await response.json();
    expect(report).toEqual({
      kernels: { total: 1, busy: 1, connections: 1, quietSeconds: 5 },
      terminals: { total: 0 },
      requests: { quietSeconds: 3 },
      proxy: { openWebSockets: 2, quietSeconds: 7 },
    });
    expect(readActivityReport(report)).toEqual(report);
    expect(upstream.paths.every((path) => path.endsWith("?no_track_activity=1"))).toBe(true);
  });

  it.each([true, false])("is told with whether the provider renews sessions: %s", async (areRenewed) => {
    const url = await activityServer(await jupyter(healthy), new Activity(() => NOW), areRenewed);
    const report: unknown = await (await fetch(`${url}/activity`, withKey(KEY))).json();
    expect(report).toMatchObject({ proxy: { sessionsRenewed: areRenewed } });
    expect(readActivityReport(report)).toEqual(report);
  });

  it.each([undefined, "", KEY.slice(1), `${KEY} `.repeat(2), KEY.toUpperCase(), `${KEY}x`])(
    "is told to nobody else (%#), and Jupyter is not asked",
    async (key) => {
      const upstream = await jupyter(healthy);
      const url = `${await activityServer(upstream)}/activity`;
      const response = await fetch(url, key === undefined ? {} : withKey(key));
      expect(response.status).toBe(401);
      expect(await response.json()).toEqual({ error: "KeyRequired" });
      expect(upstream.paths).toEqual([]);
    },
  );

  it("is all that is told at this port", async () => {
    const base = await activityServer(await jupyter(healthy));
    const statuses = async (path: string, more: RequestInit = {}): Promise<number> =>
      (await fetch(`${base}${path}`, { ...withKey(KEY), ...more })).status;
    expect(await statuses("/metrics")).toBe(404);
    expect(await statuses("/authorize")).toBe(404);
    expect(await statuses("/activity", { method: "POST" })).toBe(405);
  });

  it("of an image without terminals is told as well", async () => {
    const upstream = await jupyter({ "/a/api/status": status, "/a/api/kernels": "[]" });
    const response = await fetch(`${await activityServer(upstream)}/activity`, withKey(KEY));
    expect(await response.json()).toMatchObject({ kernels: { total: 0 }, terminals: { total: 0 } });
  });

  it("of an image without api/status is told without the latest request", async () => {
    const upstream = await jupyter({ ...healthy, "/a/api/status": 404 });
    const response = await fetch(`${await activityServer(upstream)}/activity`, withKey(KEY));
    const report: unknown = await response.json();
    expect(report).toMatchObject({ kernels: { total: 1 }, terminals: { total: 0 }, proxy: { openWebSockets: 2 } });
    expect(report).not.toHaveProperty("requests");
    expect(readActivityReport(report)).toEqual(report);
  });

  it.each<Readonly<Record<string, string | number>>>([
    { "/a/api/status": 403 },
    { "/a/api/status": 500 },
    { "/a/api/status": "[]" },
    { "/a/api/status": "{}" },
    { "/a/api/kernels": 302 },
    { "/a/api/kernels": 500 },
    { "/a/api/kernels": "<html>" },
    { "/a/api/kernels": JSON.stringify([{}]) },
    { "/a/api/kernels": JSON.stringify("x".repeat(2_000_000)) },
    { "/a/api/terminals": 403 },
  ])("is unknown while Jupyter answers %j", async (answers) => {
    const upstream = await jupyter({ ...healthy, ...answers });
    const response = await fetch(`${await activityServer(upstream)}/activity`, withKey(KEY));
    expect(response.status).toBe(503);
    expect(upstream.paths).not.toContain("/elsewhere");
  });
});

describe("use", () => {
  it.each([
    { kind: "Page", method: "GET", counts: true },
    { kind: "Api", method: "PUT", counts: true },
    { kind: "Api", method: "POST", counts: true },
    { kind: "Api", method: "GET", counts: false },
    { kind: "Api", method: "HEAD", counts: false },
    { kind: "WebSocket", method: "GET", counts: false },
  ] as const)("is a request $kind $method: $counts", ({ kind, method, counts }) => {
    const activity = new Activity(() => NOW);
    activity.note({ kind, method });
    expect(activity.lastUseAt).toBe(counts ? NOW : undefined);
  });
});
