import { createHmac } from "node:crypto";
import { once } from "node:events";
import { exportJWK, generateKeyPair, SignJWT, type JWTPayload } from "jose";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startChain, type Chain } from "./chain.ts";
import { eventually } from "./program.ts";
import { HANDSHAKE, requestText, sendRaw, sendUntilHead, type RawAnswer } from "./raw-http.ts";
import { openTunnelWith, type Tunnel } from "./tunnel.ts";

const accounts = {
  alice: { email: "alice@example.org", email_verified: true, groups: ["staff"] },
  bob: { email: "bob@example.org", email_verified: true, groups: ["guests"] },
};
const criteria = { authorizedGroups: ["staff"], bearer: { enabled: true, audiences: ["kernels"] } };
const BASE = "/sessions/a";
const SOCKET = `${BASE}/api/kernels/1/channels`;

type Changes = Readonly<Record<string, unknown>>;
type Credentials = { readonly token?: string; readonly cookie?: string; readonly headers?: readonly string[] };

describe("a token of the provider", () => {
  let chain: Chain;
  let alice = "";
  const tunnels: Tunnel[] = [];

  beforeAll(async () => {
    // Longer than the tests: what ends, ends by itself.
    const env = { AMALTHEA_SESSION_CHECK_SECONDS: "3600" };
    chain = await startChain({ basePath: BASE, accounts, criteria, env });
    alice = (await chain.signIn("alice")).cookie;
  });
  beforeEach(() => chain.upstream.forget());
  afterEach(() => tunnels.splice(0).forEach(({ socket }) => socket.destroy()));
  afterAll(() => chain.close());

  const claims = (changes: Changes = {}): JWTPayload => {
    const now = Math.floor(Date.now() / 1000);
    const { issuerUrl: iss } = chain.provider;
    return { iss, aud: "kernels", sub: "alice", groups: ["staff"], iat: now, exp: now + 300, ...changes } as JWTPayload; // also wrong ones
  };
  const tokenWith = (changes: Changes = {}, header: object = {}): Promise<string> =>
    chain.provider.sign(claims(changes), header);
  const headersOf = ({ token, cookie, headers = [] }: Credentials): readonly string[] => [
    ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
    ...(cookie === undefined ? [] : [`Cookie: ${cookie}`]),
    ...headers,
  ];
  const send = (line: string, credentials: Credentials, body = ""): Promise<RawAnswer> => {
    const headers = [`Host: ${chain.host}`, ...headersOf(credentials)];
    return sendRaw(chain.ports.traefik, requestText(line, headers, body));
  };
  const get = (credentials: Credentials): Promise<RawAnswer> => send(`GET ${BASE}/api/contents HTTP/1.1`, credentials);
  const post = (credentials: Credentials): Promise<RawAnswer> => {
    const headers = ["Content-Length: 2", ...(credentials.headers ?? [])];
    return send(`POST ${BASE}/api/contents HTTP/1.1`, { ...credentials, headers }, "{}");
  };
  const open = async (credentials: Credentials): Promise<Tunnel> => {
    const tunnel = await openTunnelWith(chain, headersOf(credentials), SOCKET);
    tunnels.push(tunnel);
    return tunnel;
  };
  const hello = Buffer.from("hello");

  describe("with a listed audience", () => {
    it("opens everything that a session opens", async () => {
      const token = await tokenWith();
      expect((await get({ token })).status).toBe(200);
      expect((await get({ headers: [`authorization: token ${token}`] })).status).toBe(200);
      expect((await get({ token, headers: ["Accept: text/html"] })).status).toBe(200);
      expect((await post({ token })).status).toBe(200);
      const tunnel = await open({ token });
      expect(tunnel.status).toBe(101);
      expect(await tunnel.echo(hello)).toEqual(hello);
    });

    it("reaches Jupyter as a name and not as a token, with what Jupyter asks a browser for", async () => {
      const token = await tokenWith({ preferred_username: "Älice" });
      await post({ token, cookie: `${alice}; other=1; _xsrf=2|x`, headers: ["X-XSRFToken: 2|y"] });
      const { headers = {} } = chain.upstream.arrivals[0] ?? {};
      expect(headers).toMatchObject({ "x-forwarded-user": "alice" });
      expect(headers).not.toHaveProperty("authorization");
      expect(Buffer.from(String(headers["x-forwarded-preferred-username"]), "latin1").toString()).toBe("Älice");
      expect(headers["cookie"]).toBe(`other=1; _xsrf=${String(headers["x-xsrftoken"])}`);
    });

    it("reaches Jupyter the same way over a WebSocket", async () => {
      await open({ token: await tokenWith(), cookie: alice, headers: ["X-Forwarded-User: bob"] });
      const { headers = {} } = chain.upstream.arrivals[0] ?? {};
      expect(headers).toMatchObject({ "x-forwarded-user": "alice" });
      expect(headers["cookie"]).toMatch(/^_xsrf=[0-9a-f]{32}$/);
      expect(headers).not.toHaveProperty("authorization");
    });

    it("says at the login's own address whose it is", async () => {
      const answer = await send(`GET ${BASE}/oauth2/userinfo HTTP/1.1`, { token: await tokenWith() });
      expect(JSON.parse(answer.body)).toMatchObject({ user: "alice", groups: ["staff"] });
    });

    it("opens nothing for whom the criteria do not name", async () => {
      const token = await tokenWith({ sub: "bob", groups: ["guests"] });
      expect((await get({ token })).status).toBe(403);
      expect((await post({ token })).status).toBe(403);
      expect((await open({ token })).status).toBe(403);
    });

    it("is judged by each of the criteria, and cut when they change", async () => {
      const token = await tokenWith({ email: "alice@example.org", email_verified: true });
      const unverified = await tokenWith({ email: "alice@example.org" });
      const tunnel = await open({ token });
      await chain.setCriteria({ ...criteria, authorizedGroups: [], userId: "bob" });
      await once(tunnel.socket, "close");
      expect((await get({ token })).status).toBe(403);
      await chain.setCriteria({ ...criteria, authorizedGroups: [], authorizedEmails: ["alice@example.org"] });
      await eventually("the address counts", async () => (await get({ token })).status === 200);
      expect((await get({ token: unverified })).status).toBe(403);
      await chain.setCriteria({ ...criteria, authorizedGroups: [], allowAnyUser: true });
      await eventually("anybody may enter", async () => (await get({ token: unverified })).status === 200);
      await chain.setCriteria(criteria);
      await eventually(
        "groups count again",
        async () => (await get({ token: await tokenWith({ groups: [] }) })).status === 403,
      );
    });

    it("ends to the second, and so does its WebSocket", async () => {
      const exp = Math.ceil(Date.now() / 1000) + 3; // time to open it, also on a busy machine
      const token = await tokenWith({ exp });
      const tunnel = await open({ token });
      expect(tunnel.status).toBe(101);
      expect((await get({ token })).status).toBe(200);
      await once(tunnel.socket, "close");
      expect(Date.now()).toBeGreaterThanOrEqual(exp * 1000);
      const answer = await get({ token });
      expect(answer.status).toBe(401);
      expect(JSON.parse(answer.body)).toMatchObject({ error: "TokenExpired" });
      await eventually("the log says why", () => chain.log().includes("SessionEnded"));
    });
  });

  it("keeps its WebSocket when somebody signs out without a session", async () => {
    const tunnel = await open({ token: await tokenWith() });
    expect((await send(`GET ${BASE}/oauth2/sign_out HTTP/1.1`, {})).status).toBe(302);
    expect(await tunnel.echo(hello)).toEqual(hello);
  });

  describe("beside a session", () => {
    it("is the one that counts, whoever the session is", async () => {
      const token = await tokenWith({ sub: "bob", groups: ["guests"] });
      expect((await get({ token, cookie: alice })).status).toBe(403);
      expect((await open({ token, cookie: alice })).status).toBe(403);
    });

    it("counts also when it is refused", async () => {
      for (const token of ["x", "a.b.c", await tokenWith({ aud: "other" }), await tokenWith({ exp: 1 })]) {
        expect((await get({ token, cookie: alice })).status).toBe(401);
        expect((await get({ token, cookie: alice, headers: ["Accept: text/html"] })).status).toBe(401);
        expect((await post({ token, cookie: alice })).status).toBe(401);
        expect((await open({ token, cookie: alice })).status).toBe(401);
      }
      expect(chain.upstream.arrivals).toEqual([]);
    });

    it("leaves the session what Jupyter asks it for", async () => {
      await post({ cookie: `${alice}; _xsrf=2|x`, headers: ["X-XSRFToken: 2|x"] });
      expect(chain.upstream.arrivals[0]?.headers).toMatchObject({ cookie: "_xsrf=2|x", "x-xsrftoken": "2|x" });
    });
  });

  describe("from another site", () => {
    it.each([
      ["Origin: https://evil.example"],
      ["Origin: null"],
      ["Sec-Fetch-Site: cross-site"],
      ["Sec-Fetch-Site: same-site"],
    ])("changes nothing and opens no WebSocket: %s", async (header) => {
      const token = await tokenWith();
      expect((await post({ token, headers: [header] })).status).toBe(403);
      expect((await open({ token, headers: [header] })).status).toBe(403);
      expect(chain.upstream.arrivals).toEqual([]);
    });

    it("is not asked for: the browser's question beforehand gets no consent", async () => {
      const headers = ["Origin: https://evil.example", "Access-Control-Request-Headers: authorization"];
      const answer = await send(`OPTIONS ${BASE}/api/contents HTTP/1.1`, { headers });
      expect(answer.status).toBe(401);
      expect(answer.headers).not.toHaveProperty("access-control-allow-origin");
    });
  });

  describe("attacks", () => {
    it("refuses what the provider has not signed, and asks nobody else for a key", async () => {
      const { privateKey, publicKey } = await generateKeyPair("RS256", { extractable: true });
      const jwk = await exportJWK(publicKey);
      const trap = `${chain.origin}${BASE}/oauth2/trap`;
      const forge = (header: object): Promise<string> =>
        new SignJWT(claims()).setProtectedHeader({ alg: "RS256", kid: "test", ...header }).sign(privateKey);
      for (const header of [
        {},
        { jwk },
        { kid: "other", jwk },
        { jku: trap },
        { x5u: trap },
        { kid: "x".repeat(5000) },
      ]) {
        expect((await get({ token: await forge(header), cookie: alice })).status).toBe(401);
      }
    });

    it("refuses what is signed by another algorithm, or not", async () => {
      const keys = (await (await fetch(`${chain.provider.issuerUrl}/jwks`)).json()) as { keys: readonly object[] };
      const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
      for (const alg of ["none", "HS256", "HS512"]) {
        const input = `${part({ alg, kid: "test" })}.${part(claims())}`;
        for (const secret of [JSON.stringify(keys.keys[0]), "", chain.provider.clientSecret]) {
          const hash = alg === "HS512" ? "sha512" : "sha256";
          const signature =
            alg === "none"
              ? ""
              : createHmac(hash, secret || "0")
                  .update(input)
                  .digest("base64url");
          expect((await get({ token: `${input}.${signature}` })).status).toBe(401);
        }
      }
    });

    it.each([
      { claim: "another issuer", changes: { iss: "http://evil.example" } },
      { claim: "the login's own client for audience", changes: { aud: "jupyter" } },
      { claim: "audiences of others", changes: { aud: ["account", "kernels2", "KERNELS"] } },
      { claim: "no end", changes: { exp: undefined } },
      { claim: "an end in the past", changes: { exp: 1 } },
      { claim: "a negative end", changes: { exp: -1 } },
      { claim: "a beginning in the future", changes: { nbf: 4_000_000_000 } },
      { claim: "no person", changes: { sub: undefined } },
    ])("refuses a token with $claim", async ({ changes }) => {
      expect((await get({ token: await tokenWith(changes) })).status).toBe(401);
      expect((await open({ token: await tokenWith(changes) })).status).toBe(401);
    });

    it("refuses what is too long, and what is not one token", async () => {
      const token = await tokenWith();
      const long = await tokenWith({ groups: ["staff", "x".repeat(14_000)] });
      const longest = await tokenWith({ groups: ["staff", "x".repeat(40_000)] });
      expect((await get({ token: long })).status).toBe(401);
      expect((await get({ token: longest })).status).toBe(431);
      for (const value of [
        "Bearer",
        "Bearer ",
        `Bearer ${token} x`,
        `Bearer ${token},x`,
        `Bearer: ${token}`,
        `Bearer\t${token}`,
      ]) {
        const { status } = await get({ headers: [`Authorization: ${value}`] });
        expect(status).toBe(401);
      }
    });

    it("reads the first of several headers, and no other name of it", async () => {
      const token = await tokenWith();
      const [good, bad] = [`Authorization: Bearer ${token}`, "Authorization: Bearer x"];
      expect((await get({ cookie: alice, headers: [bad, good] })).status).toBe(401);
      expect((await open({ cookie: alice, headers: [bad, good] })).status).toBe(401);
      for (const name of ["Proxy-Authorization", "X-Authorization", "Authorization_", "X-Forwarded-Access-Token"]) {
        expect((await get({ headers: [`${name}: Bearer ${token}`] })).status).toBe(401);
      }
      expect((await get({ headers: [`AUTHORIZATION:   bearer   ${token}  `] })).status).toBe(200);
      expect((await get({ headers: ["Connection: close, Authorization", good] })).status).not.toBe(500);
    });

    it("reads no token from the address, a cookie, or a protocol of a WebSocket, and writes none into its log", async () => {
      const token = await tokenWith();
      for (const query of [`token=${token}`, `access_token=${token}`]) {
        expect((await send(`GET ${BASE}/api/contents?${query} HTTP/1.1`, {})).status).toBe(401);
      }
      expect((await get({ cookie: `access_token=${token}; Authorization=Bearer ${token}` })).status).toBe(401);
      const protocol = `Sec-WebSocket-Protocol: bearer, base64url.bearer.authorization.${token}`;
      expect((await open({ headers: [protocol] })).status).toBe(401);
      expect((await open({ token })).status).toBe(101);
      expect(chain.log()).not.toContain(token.split(".")[2]);
    });

    it("is not forged by names in headers", async () => {
      const names = ["User", "Email", "Preferred-Username"].flatMap((name) => [
        `X-Forwarded-${name}: mallory`,
        `X_Forwarded_${name}: mallory`,
        `x-forwarded-${name.toLowerCase()}: mallory`,
      ]);
      const token = await tokenWith();
      await get({ token, headers: names });
      await get({ cookie: alice, headers: names });
      await open({ token, headers: names });
      await open({ cookie: alice, headers: names });
      expect(chain.upstream.arrivals).toHaveLength(4);
      expect(JSON.stringify(chain.upstream.arrivals)).not.toContain("mallory");
      for (const { headers } of chain.upstream.arrivals) expect(headers["x-forwarded-user"]).toBe("alice");
    });

    it("opens no upgrade to anything but a WebSocket", async () => {
      const headers = ["Connection: close, Upgrade", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"];
      expect((await get({ token: await tokenWith(), headers })).status).toBe(200);
      expect(chain.upstream.arrivals[0]?.headers).not.toHaveProperty("upgrade");
    });

    it("of many keys made up asks the provider hardly ever, and is refused", async () => {
      const made = await Promise.all(Array.from({ length: 100 }, (_, n) => tokenWith({}, { kid: `made up ${n}` })));
      const ask = async (headers: Record<string, string>): Promise<number> =>
        (await fetch(`${chain.origin}${BASE}/api/contents`, { headers })).status; // however busy this machine is
      const asked = chain.provider.asked("/jwks");
      const begun = performance.now();
      const flood = Promise.all(made.map((token) => ask({ authorization: `Bearer ${token}` })));
      expect(await ask({ authorization: `Bearer ${await tokenWith()}` })).toBe(200);
      expect(await ask({ cookie: alice })).toBe(200);
      expect(new Set(await flood)).toEqual(new Set([401]));
      const pauses = Math.ceil((performance.now() - begun) / 10_000);
      expect(chain.provider.asked("/jwks") - asked).toBeLessThanOrEqual(pauses + 1);
    });
  });

  it("is not looked at where the spec does not say so: the session decides", async () => {
    const other = await startChain({ basePath: "/", accounts, criteria: { authorizedGroups: ["staff"] } });
    const { cookie } = await other.signIn("alice");
    const now = Math.floor(Date.now() / 1000);
    const body = { iss: other.provider.issuerUrl, aud: "jupyter", sub: "alice", groups: ["staff"], exp: now + 300 };
    const token = `Authorization: Bearer ${await other.provider.sign(body)}`;
    const ask = async (headers: readonly string[]): Promise<number> =>
      (await sendRaw(other.ports.traefik, requestText("GET /api HTTP/1.1", [`Host: ${other.host}`, ...headers])))
        .status;
    expect(await ask([token])).toBe(401);
    expect(await ask([token, `Cookie: ${cookie}`])).toBe(200);
    await other.close();
  });

  it("opens the server as a client of 0.24 has patched it", async () => {
    const loginArgs = ["--skip-jwt-bearer-tokens", "--oidc-extra-audience=platform"];
    const old = await startChain({ basePath: "/", accounts, criteria: { userId: "alice" }, loginArgs });
    const now = Math.floor(Date.now() / 1000);
    const ask = async (aud: string, headers: readonly string[] = []): Promise<number> => {
      const token = await old.provider.sign({ iss: old.provider.issuerUrl, aud, sub: "alice", exp: now + 300 });
      const own = [`Host: ${old.host}`, `Authorization: Bearer ${token}`, ...headers];
      return (await sendUntilHead(old.ports.traefik, requestText("GET /api HTTP/1.1", own))).status;
    };
    expect(await ask("jupyter")).toBe(200);
    expect(await ask("platform")).toBe(200);
    expect(await ask("account")).toBe(401);
    expect(await ask("platform", HANDSHAKE)).toBe(101);
    await old.close();
  });
});
