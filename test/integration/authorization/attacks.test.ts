import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { prefixOf } from "@amalthea/api";
import { attackText, FORGED, GET, PAGE, POST, withSeparator, type Attack } from "./attack.ts";
import { SIBLINGS, SMUGGLING, UPGRADES, WITH_SESSION } from "./attacks-with-session.ts";
import { WITHOUT_SESSION } from "./attacks-without-session.ts";
import { startChain, type Chain } from "./chain.ts";
import { HANDSHAKE, requestText, sendRaw, sendUntilHead, type RawAnswer } from "./raw-http.ts";

const accounts = {
  alice: { email: "alice@example.org", email_verified: true, groups: ["staff"] },
  bob: { email: "bob@example.org", email_verified: true, groups: ["a,staff", "admin"] },
};
const criteria = { authorizedEmails: ["Alice@Example.org"], authorizedGroups: ["staff"] };

describe.each(["/", "/sessions/a"])("an attack on a server at %s", (basePath) => {
  let chain: Chain;
  let alice = "";
  let bob = "";

  beforeAll(async () => {
    chain = await startChain({ basePath, accounts, criteria });
    [{ cookie: alice }, { cookie: bob }] = await Promise.all([chain.signIn("alice"), chain.signIn("bob")]);
  });
  beforeEach(() => chain.upstream.forget());
  afterAll(() => chain.close());

  const fill = (text: string): string => text.replaceAll("{P}", prefixOf(basePath));
  const send = async (attack: Attack, cookie = ""): Promise<RawAnswer> => {
    const target = { host: chain.host, cookieName: chain.cookieName, basePath };
    const session = cookie === "" ? [] : [`Cookie: ${cookie}`];
    return sendRaw(chain.ports.traefik, attackText(attack, target, session));
  };

  it.each(WITHOUT_SESSION)("without a session: $attack → $status", async (attack) => {
    const answer = await send(attack);
    expect(answer.status).toBe(attack.status);
    expect(chain.upstream.arrivals).toEqual([]);
    if (answer.status === 401) expect(answer.setCookies.filter((cookie) => !isRemoval(cookie))).toEqual([]);
  });

  it.each(WITH_SESSION)("with a session: $attack → $status", async (attack) => {
    const answer = await send(attack, alice);
    expect(answer.status).toBe(attack.status);
    expect(chain.upstream.arrivals).toHaveLength(answer.status === 200 ? 1 : 0);
  });

  it.each(basePath === "/" ? [] : SIBLINGS)("with a session: $attack → $status", async (attack) => {
    const answer = await send(attack, alice);
    expect(answer.status).toBe(attack.status);
    expect(chain.upstream.arrivals).toEqual([]);
  });

  it.each(UPGRADES)("with a session: $attack reaches Jupyter as a plain request", async (attack) => {
    expect((await send(attack, alice)).status).toBe(attack.status);
    expect(chain.upstream.arrivals.map(({ headers }) => headers["upgrade"])).toEqual([undefined]);
  });

  it.each(SMUGGLING)(
    "behind $attack no request without a session reaches Jupyter",
    async ({ attack, headers, body }) => {
      const hidden = fill(`GET {P}/hidden HTTP/1.1\r\nHost: ${chain.host}\r\nConnection: close\r\n\r\n`);
      const more = ["Connection: keep-alive", ...headers];
      await send({ attack, line: POST, headers: more, body: body + hidden, status: 0 }, alice);
      expect(chain.upstream.arrivals.filter(({ url }) => url.includes("hidden"))).toEqual([]);
    },
  );

  it.each([
    { attack: "nothing more", headers: [] },
    { attack: "forged identity headers", headers: FORGED },
    { attack: "forged identity headers, twice", headers: [...FORGED, ...FORGED] },
    { attack: "identity headers with underscores", headers: FORGED.map(withSeparator("_")) },
    { attack: "a token of somebody else's making", headers: ["Authorization: Bearer x.y.z"] },
  ])("another user's session with $attack → 403", async ({ attack, headers }) => {
    const answer = await send({ attack, line: GET, headers, status: 403 }, bob);
    expect(answer.status).toBe(403);
    expect(chain.upstream.arrivals).toEqual([]);
  });

  it.each([
    { asks: "anything", line: GET, headers: ["Accept: */*"] },
    { asks: "nothing in particular", line: GET, headers: [] },
    { asks: "JSON, with a session that is made up", line: GET, headers: ["Cookie: {COOKIE}=a|1|b"] },
    { asks: "to change something", line: "DELETE {P}/api/contents/x HTTP/1.1", headers: [] },
    { asks: "for a WebSocket", line: GET, headers: HANDSHAKE },
  ])("a client without a session that asks $asks gets a reason as JSON", async ({ asks, line, headers }) => {
    const answer = await send({ attack: asks, line, headers, status: 401 });
    expect([answer.status, answer.headers["content-type"]]).toEqual([401, "application/json"]);
    const message = expect.stringContaining("Open this server in another tab to sign in") as string;
    expect(JSON.parse(answer.body)).toEqual({
      error: "NotSignedIn",
      message,
      signIn: `${chain.origin}${prefixOf(basePath)}/`,
    });
    expect(chain.upstream.arrivals).toEqual([]);
  });

  it("lets the owner in, and shows Jupyter who it is, but not the session", async () => {
    const headers = [...FORGED, "X-Auth-Request-Access-Token: x", "X-Forwarded-User: root", "Authorization: token x"];
    const answer = await send(
      { attack: "", line: GET, headers: [...headers, "X-Original-Url: /x"], status: 200 },
      `${alice}; _xsrf=2|abc`,
    );
    expect(answer.status).toBe(200);
    const [arrival] = chain.upstream.arrivals;
    expect(arrival?.headers["cookie"]).toBe("_xsrf=2|abc");
    const names = Object.keys(arrival?.headers ?? {}).filter((name) => /auth|original/.test(name));
    expect(names).toEqual([]);
    expect(arrival?.headers["x-forwarded-user"]).toBe("alice");
  });

  it("removes the Cookie header when only the session is in it", async () => {
    await send({ attack: "", line: GET, status: 200 }, alice);
    expect(chain.upstream.arrivals.map(({ headers }) => headers["cookie"])).toEqual([undefined]);
  });

  it.each(FOREIGN_TARGETS)("a login that should return to %j ends on this host", async (target) => {
    const login = await chain.signIn("alice", fill(`{P}/oauth2/start?rd=${encodeURIComponent(target)}`));
    expect(new URL(login.url).host).toBe(chain.host);
  });

  it.each(FOREIGN_TARGETS)("a sign-out that should lead to %j stays on this host", async (target) => {
    const line = `GET {P}/oauth2/sign_out?rd=${encodeURIComponent(target)} HTTP/1.1`;
    const { cookie } = await chain.signIn("alice");
    const answer = await send({ attack: target, line, status: 302 }, cookie);
    expect([answer.status, answer.headers["location"]]).toEqual([302, fill("{P}/oauth2/signed-out")]);
  });

  it.each(["//evil.example/lab", "/.//evil.example", "/%2f/evil.example", "/%09/evil.example"])(
    "a login that begins at the page %s returns to this host",
    async (page) => {
      const login = await chain.signIn("alice", fill(`{P}${page}`));
      expect(new URL(login.url).host).toBe(chain.host);
    },
  );

  it("keeps few cookies of logins that were never finished", async () => {
    const names = new Map<string, string>();
    for (let attempt = 0; attempt < 8; attempt += 1) {
      const cookie = [...names].map(([name, value]) => `${name}=${value}`).join("; ");
      const answer = await send(
        { attack: "", line: "GET {P}/oauth2/start HTTP/1.1", headers: PAGE, status: 302 },
        cookie,
      );
      for (const line of answer.setCookies) {
        const [name = "", ...value] = (line.split(";")[0] ?? "").split("=");
        if (isRemoval(line)) names.delete(name);
        else names.set(name, value.join("="));
      }
    }
    expect(names.size).toBeGreaterThan(0);
    expect(names.size).toBeLessThanOrEqual(4); // the limit of three, and the newest
  });

  it.each([
    { who: "nobody", cookie: () => "", headers: [], status: 401 },
    { who: "nobody with forged headers", cookie: () => "", headers: FORGED, status: 401 },
    { who: "another user", cookie: () => bob, headers: [], status: 403 },
    { who: "another user with forged headers", cookie: () => bob, headers: FORGED, status: 403 },
    { who: "the owner from another site", cookie: () => alice, headers: ["Origin: https://evil.example"], status: 403 },
    { who: "the owner from an opaque origin", cookie: () => alice, headers: ["Origin: null"], status: 403 },
    { who: "the owner from a sibling site", cookie: () => alice, headers: ["Sec-Fetch-Site: same-site"], status: 403 },
  ])("a WebSocket of $who → $status", async ({ cookie, headers, status }) => {
    const session = cookie() === "" ? [] : [`Cookie: ${cookie()}`];
    const lines = [`Host: ${chain.host}`, ...HANDSHAKE, ...headers, ...session];
    const answer = await sendUntilHead(
      chain.ports.traefik,
      requestText(fill("GET {P}/api/kernels/1/channels HTTP/1.1"), lines),
    );
    expect(answer.status).toBe(status);
    expect(answer.setCookies).toEqual([]);
    expect(chain.upstream.arrivals).toEqual([]);
  });

  it("a second request behind a refused upgrade reaches nobody", async () => {
    const first = requestText(fill("GET {P}/api/kernels/1/channels?refuse=1 HTTP/1.1"), [
      `Host: ${chain.host}`,
      ...HANDSHAKE,
      `Cookie: ${alice}`,
    ]);
    const second = requestText(fill("GET {P}/api/secret HTTP/1.1"), [`Host: ${chain.host}`, ...FORGED]);
    const answer = await sendRaw(chain.ports.traefik, first + second);
    expect(answer.status).toBe(404);
    expect(chain.upstream.arrivals.filter(({ url }) => url.includes("secret"))).toEqual([]);
  });

  it("the log names no cookie, no token and no e-mail address", () => {
    const log = chain.log();
    expect(log).toContain('"decision":"Allow"');
    for (const secret of [alice, bob]
      .flatMap((cookie) => cookie.split("; "))
      .map((pair) => pair.split("=").slice(1).join("="))) {
      expect(log).not.toContain(secret);
    }
    expect(log).not.toMatch(/@example\.org|Bearer|x\.y\.z/);
  });
});

const FOREIGN_TARGETS: readonly string[] = [
  "//evil.example",
  "///evil.example",
  "/\\evil.example",
  "\\\\evil.example",
  "/\t/evil.example",
  "%2f%2fevil.example",
  "/%09/evil.example",
  "/..//evil.example",
  "//localhost@evil.example",
  "https://evil.example/",
  "https:/evil.example",
  "http:evil.example",
  "javascript:alert(1)",
  "data:text/html,x",
];

function isRemoval(setCookie: string): boolean {
  return /max-age=0|expires=thu, 01 jan 1970/i.test(setCookie) || /^[^=]+=;/.test(setCookie);
}
