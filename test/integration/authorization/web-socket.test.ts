import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { startChain, type Chain } from "./chain.ts";
import { eventually } from "./program.ts";
import { openTunnel, type Tunnel } from "./tunnel.ts";

const accounts = {
  alice: { email: "alice@example.org", email_verified: true, groups: ["staff"] },
  bob: { email: "bob@example.org", email_verified: true, groups: ["staff"] },
};
const both = { authorizedEmails: ["alice@example.org", "bob@example.org"] };
const PATH = "/sessions/a/api/kernels/1/channels?session_id=2";

describe("an open WebSocket", () => {
  let chain: Chain;
  let alice = "";
  let bob = "";
  const tunnels: Tunnel[] = [];
  const open = async (cookie: string, path = PATH): Promise<Tunnel> => {
    const tunnel = await openTunnel(chain, cookie, path);
    tunnels.push(tunnel);
    return tunnel;
  };
  const hello = Buffer.from("hello");
  const checks = async (): Promise<number> => {
    const metrics = await (await fetch(`http://127.0.0.1:${chain.ports.authorization}/metrics`)).text();
    return Number(/session_checks_total\{answer="SignedIn"\} (\d+)/.exec(metrics)?.[1] ?? 0);
  };

  beforeAll(async () => {
    const env = { AMALTHEA_SESSION_CHECK_SECONDS: "0.2" };
    chain = await startChain({ basePath: "/sessions/a", accounts, criteria: both, env });
    [{ cookie: alice }, { cookie: bob }] = await Promise.all([chain.signIn("alice"), chain.signIn("bob")]);
  });
  beforeEach(() => chain.upstream.forget());
  afterEach(() => tunnels.splice(0).forEach(({ socket }) => socket.destroy()));
  afterAll(() => chain.close());

  it("carries data both ways unchanged, also more than fits into any buffer", async () => {
    const tunnel = await open(alice);
    const data = randomBytes(8 * 1024 * 1024);
    expect(tunnel.status).toBe(101);
    expect((await tunnel.echo(data)).equals(data)).toBe(true);
  });

  it("reaches Jupyter at its own path, without the session, and says whose it is", async () => {
    await open(`${alice}; _xsrf=2|abc`);
    const [arrival] = chain.upstream.arrivals;
    expect(arrival).toMatchObject({
      url: PATH,
      headers: { cookie: "_xsrf=2|abc", host: chain.host, origin: chain.origin, "x-forwarded-user": "alice" },
    });
    expect(Object.keys(arrival?.headers ?? {}).filter((name) => /auth/.test(name))).toEqual([]);
  });

  it("ends for Jupyter when the browser leaves", async () => {
    const tunnel = await open(alice);
    await eventually("Jupyter has a socket", () => chain.upstream.openSockets() > 0);
    tunnel.socket.end();
    await eventually("Jupyter's socket is gone", () => chain.upstream.openSockets() === 0);
    await eventually("the browser's is, too", () => !tunnel.isOpen());
  });

  it("that Jupyter refuses gets Jupyter's answer, and the connection ends", async () => {
    const tunnel = await open(alice, `${PATH}&refuse=1`);
    expect(tunnel.status).toBe(404);
  });

  it("is cut when the policy no longer names its user, and others stay", async () => {
    const [cut, stays] = await Promise.all([open(alice), open(bob)]);
    await chain.setCriteria({ authorizedEmails: ["bob@example.org"] });
    await once(cut.socket, "close");
    expect(await stays.echo(hello)).toEqual(hello);
    expect((await open(alice)).status).toBe(403);
    await eventually("the log says why", () => chain.log().includes("AccessRevoked"));
    await chain.setCriteria(both);
    await eventually("alice is let in again", async () => (await open(alice)).status === 101);
  });

  it.each([
    { policy: "not JSON", text: "{" },
    { policy: "with a key that is not known", text: '{"emails":["alice@example.org"],"email":["x@example.org"]}' },
  ])("is cut when the policy is $policy", async ({ text }) => {
    const tunnel = await open(alice);
    await chain.setPolicy(text);
    await once(tunnel.socket, "close");
    await chain.setCriteria(both);
    await eventually("alice is let in again", async () => (await open(alice)).status === 101);
  });

  it("survives a stop of oauth2-proxy", async () => {
    const tunnel = await open(alice);
    await chain.programs.oauth2Proxy.stop();
    await eventually("its session was checked", async () => (await checks()) > 0);
    expect(await tunnel.echo(hello)).toEqual(hello);
    expect((await open(alice)).status).toBe(101);
    await chain.restart("oauth2Proxy");
  });

  it("does not outlive the authorization service", async () => {
    const tunnel = await open(alice);
    await chain.programs.authorization.stop();
    await eventually("it is cut", () => !tunnel.isOpen());
    expect((await open(alice)).status).toBe(502);
    await chain.restart("authorization");
    expect((await open(alice)).status).toBe(101);
  });
});

describe("a WebSocket whose time is over", () => {
  it.each([
    { over: "its session ends", loginArgs: ["--cookie-expire=5s"], env: {}, reason: "SessionEnded" },
    {
      over: "it reaches its longest life",
      loginArgs: [],
      env: { AMALTHEA_SOCKET_LIFE_SECONDS: "1" },
      reason: "LifeExceeded",
    },
  ])("is cut when $over", async ({ loginArgs, env, reason }) => {
    const often = { AMALTHEA_SESSION_CHECK_SECONDS: "0.2" };
    const chain = await startChain({ basePath: "/", accounts, criteria: both, loginArgs, env: { ...often, ...env } });
    onTestFinished(() => chain.close());
    const { cookie } = await chain.signIn("alice");
    const tunnel = await openTunnel(chain, cookie, "/api/kernels/1/channels");
    expect(tunnel.status).toBe(101);
    await once(tunnel.socket, "close");
    await eventually("the log says why", () => chain.log().includes(reason));
  });
});
