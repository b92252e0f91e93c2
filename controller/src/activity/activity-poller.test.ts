import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Live, ObjectKey } from "@amalthea/kube";
import { systemClock } from "@amalthea/kube";
import type { Pod, Secret } from "kubernetes-types/core/v1.js";
import { afterEach, describe, expect, it } from "vitest";
import type { ActivityAnswer } from "../decide/live/activity.ts";
import { ActivityPoller, type ActivityPollerOptions } from "./activity-poller.ts";

const stop = new AbortController();
let servers: Server[] = [];
afterEach(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  servers = [];
});

const KEY = "sessions/alice" as ObjectKey;
const logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const answered: RequestListener = (request, response) => {
  const isAllowed = request.headers.authorization === "token t0ken";
  const status = JSON.stringify({ last_activity: new Date().toISOString() });
  response.end(isAllowed ? (request.url?.startsWith("/api/status?") === true ? status : "[]") : "{}");
};

async function jupyter(answer: RequestListener): Promise<number> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

function aPod(uid: string, podIP = "127.0.0.1"): Live<Pod> {
  return { metadata: { uid, name: "alice-0", namespace: "sessions" }, status: { podIP } } as Live<Pod>;
}

/** Asks once, about the pod `before`. */
async function ask(
  port: number,
  options: Partial<ActivityPollerOptions> & {
    readonly token?: string;
    readonly secretKey?: string;
    readonly withRequests?: boolean;
  } = {},
): Promise<ActivityAnswer> {
  const { promise, resolve } = Promise.withResolvers<ActivityAnswer>();
  const { token = "t0ken\n", secretKey = "token", withRequests = true, ...rest } = options;
  const data = { token: Buffer.from(token).toString("base64") };
  const poller = new ActivityPoller({
    client: {
      find: async () => ({ metadata: { name: "alice", namespace: "sessions" }, data }) as unknown as Live<Secret>,
    } as unknown as ActivityPollerOptions["client"],
    podOf: () => aPod("before"),
    cpuMillicoresOf: async () => undefined,
    onAnswer: (_inquiry, answer) => resolve(answer),
    clock: systemClock,
    logger,
    ...rest,
  });
  void poller.run(stop.signal);
  const question = {
    podUid: "before",
    address: "127.0.0.1",
    port,
    whom: "Jupyter",
    basePath: "/",
    withCpu: false,
    withRequests,
  } as const;
  const inquiry = {
    key: KEY,
    serverUid: "server",
    question: { ...question, credential: { name: "alice", key: secretKey } },
  };
  poller.poll(inquiry);
  poller.poll(inquiry);
  return await promise;
}

describe("a question about the activity", () => {
  it("is answered by the pod, whose token may end in a new line", async () => {
    expect(await ask(await jupyter(answered))).toMatchObject({
      kind: "Answered",
      report: { kernels: { total: 0 } },
    });
  });

  /** Jupyter of an image whose `api/status` answers so. */
  const withStatus =
    (code: number): RequestListener =>
    (request, response) =>
      request.url?.startsWith("/api/status?") === true ? response.writeHead(code).end() : response.end("[]");

  it("is answered by an image without api/status, and not by one that fails to tell", async () => {
    const report = { kernels: { total: 0 }, terminals: { total: 0 } };
    expect(await ask(await jupyter(withStatus(404)))).toMatchObject({ kind: "Answered", report });
    expect(await ask(await jupyter(withStatus(500)))).toMatchObject({ kind: "Failed" });
    expect(await ask(await jupyter(withStatus(500)), { withRequests: false })).toMatchObject({
      kind: "Answered",
      report,
    });
  });

  it("has no answer if the address belongs to another pod afterwards", async () => {
    const pods = [aPod("before"), aPod("after")];
    const port = await jupyter(answered);
    expect(await ask(port, { podOf: () => pods.shift() })).toEqual({ kind: "Failed", why: "its pod was replaced" });
  });

  it.each([
    ["gone", undefined],
    ["another one", aPod("after")],
    ["at another address", aPod("before", "127.0.0.9")],
  ])("is not put to a pod that is %s", async (_how, pod) => {
    let asked = 0;
    const port = await jupyter((_request, response) => {
      asked += 1;
      response.end("[]");
    });
    expect(await ask(port, { podOf: () => pod })).toMatchObject({ kind: "Failed" });
    expect(asked).toBe(0);
  });

  it.each(["", " ", "two words", "ümlaut", "a\r\nHost: evil"])("is not put with the token %j", async (token) => {
    expect(await ask(await jupyter(answered), { token })).toMatchObject({
      kind: "Failed",
      why: expect.stringContaining("Secret"),
    });
  });

  it("is not put if the Secret has no such key, whatever its name", async () => {
    expect(await ask(await jupyter(answered), { secretKey: "constructor" })).toMatchObject({
      kind: "Failed",
      why: "its Secret has no usable credential",
    });
  });

  it("has no answer if the Secret cannot be read", async () => {
    const client = { find: () => Promise.reject(new Error("forbidden")) } as unknown as ActivityPollerOptions["client"];
    expect(await ask(await jupyter(answered), { client })).toMatchObject({
      kind: "Failed",
      why: "its Secret cannot be read",
    });
  });
});
