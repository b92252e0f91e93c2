import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { createServer as createNetServer, type AddressInfo, type Server as NetServer } from "node:net";
import { REASONS } from "@amalthea/api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  someSettings,
  aContainer,
  anObserved,
  aPod,
  timeAgo,
} from "../../../controller/src/decide/testing/builders.ts";
import { podState } from "../../../controller/src/decide/status/pod/state.ts";
import { program } from "./chain.ts";
import { localPod } from "./local-pod.ts";

/** Most of a container's log that the kubelet puts into its status. */
const MAX_MESSAGE_BYTES = 2_048;

const FOLDERS = { routes: "/nowhere/a", policy: "/nowhere/b", sessions: "/nowhere/c" };
const PORTS = { traefik: 1, probe: 2, oauth2Proxy: 3, authorization: 4, jupyter: 5 };

let provider: Server;
let origin: string;
/** It takes connections, and never says anything. */
let mute: NetServer;
let silent: string;

beforeAll(async () => {
  provider = createServer(({ url = "", socket }, response) => {
    if (url.startsWith("/hangs-up/")) return void socket.end();
    if (url.startsWith("/resets/")) return void socket.resetAndDestroy();
    if (url.startsWith("/overloaded/")) return void response.writeHead(503).end();
    if (!url.startsWith("/renamed/")) return void response.writeHead(404).end("secret page");
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify({ issuer: "https://renamed.example.org", jwks_uri: `${origin}/keys` }));
  }).listen(0, "127.0.0.1");
  mute = createNetServer().listen(0, "127.0.0.1");
  await Promise.all([once(provider, "listening"), once(mute, "listening")]);
  [origin = "", silent = ""] = [provider, mute].map(addressOf);
});
afterAll(() => {
  provider.close();
  mute.close();
});

function addressOf(server: NetServer): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // it listens on TCP
}

/** Runs oauth2-proxy as the controller starts it, and says what the controller tells of its end. */
async function messageWith(issuerUrl: string): Promise<string> {
  const server = { basePath: "/a", origin: "http://localhost", issuerUrl, clientId: "a", clientSecret: "geheim" };
  const { args, env } = localPod(
    { ...server, criteria: {}, loginArgs: [] },
    PORTS,
    FOLDERS,
    "0".repeat(32),
  ).oauth2Proxy;
  const { code, log } = await new Promise<{ code: unknown; log: string }>((resolve) => {
    execFile(program("oauth2-proxy"), [...args], { env, timeout: 120_000 }, (error, stdout, stderr) =>
      resolve({ code: error?.code, log: stdout + stderr }),
    );
  });
  const message = log.slice(-MAX_MESSAGE_BYTES);
  const terminated = { exitCode: Number(code), message, startedAt: timeAgo(9), finishedAt: timeAgo(8) };
  const status = aContainer({ name: "oauth2-proxy", restartCount: 9, state: { terminated } });
  const spec = { containers: [{ name: "oauth2-proxy", args: [...args] }] };
  const state = podState(anObserved({ pod: aPod({ spec, containers: [status] }) }), someSettings());
  if (!("why" in state) || state.why.reason !== "ProviderUnusable") throw new Error(`${JSON.stringify(state)}: ${log}`);
  return REASONS.ProviderUnusable.sentence(state.why.values);
}

describe("the message of a server whose oauth2-proxy cannot use the provider", () => {
  it.each([
    {
      provider: "has another issuer",
      issuer: () => `${origin}/renamed`,
      says: "its issuer is https://renamed.example.org,",
    },
    { provider: "has no configuration there", issuer: () => `${origin}/realms/typo`, says: "it responds with 404" },
    { provider: "does not exist", issuer: () => "http://login.invalid", says: "there is no such host" },
    { provider: "refuses the connection", issuer: () => "http://127.0.0.1:9", says: "the connection is refused" },
    { provider: "does not use TLS", issuer: () => origin.replace("http:", "https:"), says: "it does not use TLS" },
    { provider: "hangs up", issuer: () => `${origin}/hangs-up`, says: "it closes the connection" },
    { provider: "resets the connection", issuer: () => `${origin}/resets`, says: "it closes the connection" },
    { provider: "is overloaded", issuer: () => `${origin}/overloaded`, says: "it responds with 503" },
    { provider: "begins no TLS", issuer: () => silent.replace("http:", "https:"), says: "it does not respond" },
  ])("says that it $provider", async ({ issuer, says }) => {
    const message = await messageWith(issuer());
    expect(message).toContain(issuer());
    expect(message).toContain(says);
    expect(message).not.toMatch(/geheim|secret page/);
  });
});
