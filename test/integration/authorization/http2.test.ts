import { connect, type ClientHttp2Session, type OutgoingHttpHeaders } from "node:http2";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FORGED } from "./attack.ts";
import { startChain, type Chain } from "./chain.ts";

const accounts = {
  alice: { email: "alice@example.org", email_verified: true },
  bob: { email: "bob@example.org", email_verified: true },
};

/** Node's client speaks HTTP/2 without TLS as RFC 9113, 3.3, has it: with the whole preface, and at once. */
describe("HTTP/2 by prior knowledge", () => {
  let chain: Chain;
  let client: ClientHttp2Session;
  const cookies = new Map<string, string>();
  const ask = async (headers: OutgoingHttpHeaders): Promise<number> => {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const stream = client.request({ ":method": "GET", ":path": "/sessions/a/api/contents", ...headers });
    stream.on("response", (answer) => resolve(answer[":status"] ?? 0));
    stream.on("error", reject);
    stream.on("close", () => resolve(0));
    stream.resume().end();
    return promise;
  };

  beforeAll(async () => {
    chain = await startChain({ basePath: "/sessions/a", accounts, criteria: { userId: "alice" } });
    for (const user of ["alice", "bob"]) cookies.set(user, (await chain.signIn(user)).cookie);
    client = connect(chain.origin);
  });
  beforeEach(() => chain.upstream.forget());
  afterAll(async () => {
    client.destroy();
    await chain.close();
  });

  const forged = Object.fromEntries(FORGED.map((line) => line.toLowerCase().split(": ") as [string, string]));

  it.each([
    { asks: "nobody", user: "", headers: {}, status: 401 },
    { asks: "nobody with forged headers", user: "", headers: forged, status: 401 },
    { asks: "nobody for a page", user: "", headers: { accept: "text/html" }, status: 302 },
    { asks: "another user", user: "bob", headers: forged, status: 403 },
    { asks: "the owner for a foreign host", user: "alice", headers: { ":authority": "evil.example" }, status: 404 },
    {
      asks: "the owner from another site",
      user: "alice",
      headers: { ":method": "POST", origin: "https://evil.example" },
      status: 403,
    },
    { asks: "the owner for what lies beside", user: "alice", headers: { ":path": "/sessions/ab" }, status: 404 },
  ])("$asks gets $status, and Jupyter hears nothing", async ({ user, headers, status }) => {
    const cookie = cookies.get(user);
    expect(await ask({ ...headers, ...(cookie === undefined ? {} : { cookie }) })).toBe(status);
    expect(chain.upstream.arrivals).toEqual([]);
  });

  it("the owner gets in, and Jupyter sees neither the session nor who it is", async () => {
    expect(await ask({ cookie: `${cookies.get("alice")}; _xsrf=1`, ...forged })).toBe(200);
    const [arrival] = chain.upstream.arrivals;
    expect(arrival?.headers["cookie"]).toBe("_xsrf=1");
    expect(Object.keys(arrival?.headers ?? {}).filter((name) => /auth/.test(name))).toEqual([]);
  });

  it("no WebSocket is opened over it", async () => {
    const headers = { ":method": "CONNECT", ":protocol": "websocket", ":scheme": "http", ":authority": chain.host };
    const opened = ask({ ...headers, cookie: cookies.get("alice") }).catch(() => 0);
    expect(await opened).not.toBe(200);
    expect(chain.upstream.openSockets()).toBe(0);
  });
});
