import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { readActivityReport } from "@amalthea/api";
import { freePort } from "@amalthea/cluster";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { jupyterWithKernel } from "../controller/pod-stand-in.ts";
import { startChain, type Chain, type ChainOptions } from "./chain.ts";
import { eventually } from "./program.ts";
import { openTunnel, type Tunnel } from "./tunnel.ts";

const accounts = {
  alice: { email: "alice@example.org", email_verified: true },
  bob: { email: "bob@example.org", email_verified: true },
};
const BASE = "/sessions/a";
const KERNEL = `${BASE}/api/kernels/1/channels`;
const hello = Buffer.from("hello");

async function aChain(options: Partial<ChainOptions> = {}): Promise<Chain> {
  const env = { AMALTHEA_SESSION_CHECK_SECONDS: "0.2", AMALTHEA_RENEW_SECONDS: "2", ...options.env };
  return startChain({
    ...{ basePath: BASE, accounts, criteria: { allowAnyUser: true }, provider: { hasRefreshTokens: true } },
    ...options,
    env,
  });
}

const statusOf = async (chain: Chain, cookie: string): Promise<number> => {
  const answer = await fetch(`${chain.origin}${BASE}/api/contents`, { headers: { cookie } });
  await answer.body?.cancel();
  return answer.status;
};

/** How many renewals had a result so far. */
async function renewals(chain: Chain, result: "Renewed" | "Failed"): Promise<number> {
  const metrics = await (await fetch(`http://127.0.0.1:${chain.ports.authorization}/metrics`)).text();
  return Number(new RegExp(`renewals_total\\{result="${result}"\\} (\\d+)`).exec(metrics)?.[1] ?? 0);
}

async function untilMore(chain: Chain, result: "Renewed" | "Failed", more = 1): Promise<void> {
  const before = await renewals(chain, result);
  await eventually(`${more} more renewals: ${result}`, async () => (await renewals(chain, result)) >= before + more);
}

describe("a session that the provider can renew", () => {
  let chain: Chain;
  let alice = "";
  let bob = "";
  let tunnels: readonly [Tunnel, Tunnel];

  beforeEach(async () => {
    chain = await aChain();
    [{ cookie: alice }, { cookie: bob }] = await Promise.all([chain.signIn("alice"), chain.signIn("bob")]);
    tunnels = [await openTunnel(chain, alice, KERNEL), await openTunnel(chain, bob, KERNEL)];
  });
  afterEach(async () => {
    tunnels.forEach(({ socket }) => socket.destroy());
    await chain.close();
  });

  it("is renewed while many requests come at once, though each refresh token is good for one renewal", async () => {
    let isOver = false;
    const statuses: number[] = [];
    const askOften = async (): Promise<void> => {
      while (!isOver) statuses.push(await statusOf(chain, alice));
    };
    const asking = Array.from({ length: 50 }, askOften);
    await untilMore(chain, "Renewed", 6);
    isOver = true;
    await Promise.all(asking);
    expect(new Set(statuses)).toEqual(new Set([200]));
    for (const tunnel of tunnels) expect(await tunnel.echo(hello)).toEqual(hello);
    expect(await renewals(chain, "Failed")).toBe(0);
  });

  it("ends with its open WebSocket when the provider refuses, and nobody else's does", async () => {
    const [ofAlice, ofBob] = tunnels;
    const closed = once(ofAlice.socket, "close");
    chain.provider.disable("alice");
    await closed;
    expect([await statusOf(chain, alice), await statusOf(chain, bob)]).toEqual([401, 200]);
    expect(await ofBob.echo(hello)).toEqual(hello);
    await eventually("the log says why", () => chain.log().includes("session refused by the provider"));
  });

  it("ends at a given time with its open WebSocket, and those who may sign in again", async () => {
    const closed = tunnels.map(({ socket }) => once(socket, "close"));
    const sessionsNotBefore = new Date().toISOString();
    await chain.setCriteria({ allowAnyUser: true, sessionsNotBefore });
    await Promise.all(closed);
    expect([await statusOf(chain, alice), await statusOf(chain, bob)]).toEqual([401, 401]);
    const { cookie } = await chain.signIn("alice");
    expect(await statusOf(chain, cookie)).toBe(200);
  });

  it("goes on after a restart of the authorization service, unless it was signed out", async () => {
    await untilMore(chain, "Renewed");
    await (await fetch(`${chain.origin}${BASE}/oauth2/sign_out`, { headers: { cookie: bob } })).body?.cancel();
    await chain.programs.authorization.stop();
    await chain.restart("authorization");
    expect([await statusOf(chain, alice), await statusOf(chain, bob)]).toEqual([200, 401]);
    tunnels = [await openTunnel(chain, alice, KERNEL), tunnels[1]];
    await untilMore(chain, "Renewed");
  });

  it("goes on while the provider does not answer, and is renewed afterwards", async () => {
    await untilMore(chain, "Renewed", 2);
    chain.provider.setAvailable(false);
    await untilMore(chain, "Failed", 2);
    expect(await statusOf(chain, alice)).toBe(200);
    chain.provider.setAvailable(true);
    await untilMore(chain, "Renewed", 2);
    for (const tunnel of tunnels) expect(await tunnel.echo(hello)).toEqual(hello);
  });
});

describe("a session of somebody who leaves the group that may enter", () => {
  it("opens nothing any more, its open WebSocket is cut, and nobody else's", async () => {
    const staff = { alice: { groups: ["staff"] }, bob: { groups: ["staff"] } };
    const chain = await aChain({ accounts: staff, criteria: { authorizedGroups: ["staff"] } });
    onTestFinished(() => chain.close());
    const [{ cookie: alice }, { cookie: bob }] = await Promise.all([chain.signIn("alice"), chain.signIn("bob")]);
    const [ofAlice, ofBob] = [await openTunnel(chain, alice, KERNEL), await openTunnel(chain, bob, KERNEL)];
    const closed = once(ofAlice.socket, "close");
    chain.provider.change("alice", { groups: ["guests"] });
    await closed;
    expect([await statusOf(chain, alice), await statusOf(chain, bob)]).toEqual([403, 200]);
    expect(await ofBob.echo(hello)).toEqual(hello);
    await eventually("the log says why", () => chain.log().includes("AccessRevoked"));
  });
});

describe("a session whose tokens are over", () => {
  const provider = { hasRefreshTokens: true, accessTokenSeconds: 2 };

  it("goes on while the provider does not answer, and ends after the grace", async () => {
    const chain = await aChain({ provider, env: { AMALTHEA_RENEWAL_GRACE_SECONDS: "10" } });
    onTestFinished(() => chain.close());
    const { cookie } = await chain.signIn("alice");
    const tunnel = await openTunnel(chain, cookie, KERNEL);
    await untilMore(chain, "Renewed");
    chain.provider.setAvailable(false);
    await untilMore(chain, "Failed", 3);
    expect(await tunnel.echo(hello)).toEqual(hello);
    await once(tunnel.socket, "close");
    expect(await statusOf(chain, cookie)).toBe(401);
  });

  it("and that the provider cannot renew lasts as long as its length says, and the log warns of it once", async () => {
    const loginArgs = ["--cookie-expire=8s"];
    const chain = await aChain({ provider: { accessTokenSeconds: 2 }, loginArgs });
    onTestFinished(() => chain.close());
    const { cookie } = await chain.signIn("alice");
    const tunnel = await openTunnel(chain, cookie, KERNEL);
    await untilMore(chain, "Failed", 2);
    expect(await statusOf(chain, cookie)).toBe(200);
    const told = chain
      .log()
      .split("\n")
      .filter((line) => line.includes("session cannot be renewed"));
    expect(told).toEqual([expect.stringContaining('"level":"warn"')]);
    await once(tunnel.socket, "close");
    expect(await statusOf(chain, cookie)).toBe(401);
  });
});

describe("whether the provider renews sessions", () => {
  const key = "0123456789abcdef".repeat(4); // of `localPod`
  const jupyter = createServer(jupyterWithKernel(() => new Date()));
  beforeAll(async () => void (await once(jupyter.listen(0, "127.0.0.1"), "listening")));
  afterAll(() => void jupyter.close());

  /** A chain, and what it tells. */
  const aWorld = async (hasRefreshTokens: boolean, more: Readonly<Record<string, string>> = {}) => {
    const activityPort = await freePort();
    const { port: jupyterPort } = jupyter.address() as AddressInfo; // it listens on TCP
    const env = { AMALTHEA_ACTIVITY_PORT: String(activityPort), ...more };
    const chain = await aChain({ provider: { hasRefreshTokens }, jupyterPort, env });
    onTestFinished(() => chain.close());
    const told = async (): Promise<unknown> => {
      const headers = { authorization: `Bearer ${key}` };
      const answer = await fetch(`http://127.0.0.1:${activityPort}/activity`, { headers });
      return readActivityReport(await answer.json())?.proxy?.sessionsRenewed;
    };
    return { chain, told, cookie: (await chain.signIn("alice")).cookie };
  };

  it.each([true, false])("is told with the activity: %s", async (hasRefreshTokens) => {
    const { chain, told, cookie } = await aWorld(hasRefreshTokens);
    expect(await told()).toBeUndefined();
    await eventually("it is known", async () => {
      expect(await statusOf(chain, cookie)).toBe(200);
      return (await told()) !== undefined;
    });
    expect(await told()).toBe(hasRefreshTokens);
  });

  it("is not known from renewals that fail because the provider does not answer", async () => {
    const { chain, told, cookie } = await aWorld(true, { AMALTHEA_RENEW_SECONDS: "1" });
    chain.provider.setAvailable(false);
    await eventually("renewals fail", async () => {
      expect(await statusOf(chain, cookie)).toBe(200);
      return (await renewals(chain, "Failed")) >= 3;
    });
    expect(await told()).toBeUndefined();
    chain.provider.setAvailable(true);
    await eventually("it renews", async () => (await statusOf(chain, cookie)) === 200 && (await told()) === true);
  });
});
