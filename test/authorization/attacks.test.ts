import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startChain, type Chain } from "./chain.ts";
import { HANDSHAKE, requestText, sendRaw, sendUpgrade } from "./raw-http.ts";

const accounts = {
  alice: { email: "alice@example.org", email_verified: true, groups: ["staff"] },
  bob: { email: "bob@example.org", email_verified: true, groups: ["a,staff", "admin"] },
};
const policy = { emails: ["Alice@Example.org"], groups: ["staff"] };

/** What a forger would like to be. */
const FORGED = [
  "X-Auth-Request-User: alice",
  "X-Auth-Request-Email: alice@example.org",
  "X-Auth-Request-Groups: staff",
];

type Attack = {
  readonly attack: string;
  /** `{P}` stands for the base path, without a slash at its end. */
  readonly line: string;
  readonly headers?: readonly string[];
  readonly body?: string;
  readonly status: number;
};

const GET = "GET {P}/api/contents HTTP/1.1";
const POST = "POST {P}/api/contents HTTP/1.1";
const PAGE = ["Accept: text/html"];

/** Requests without a session. Nothing of them may reach Jupyter. */
const WITHOUT_SESSION: readonly Attack[] = [
  { attack: "an API request", line: GET, status: 401 },
  { attack: "a page", line: "GET {P}/lab HTTP/1.1", headers: PAGE, status: 302 },
  { attack: "a POST that asks for a page", line: POST, headers: [...PAGE, "Content-Length: 0"], status: 401 },
  { attack: "an API request with a loose Accept", line: GET, headers: ["Accept: */*"], status: 401 },
  { attack: "an API request for JSON", line: GET, headers: ["Accept: application/json"], status: 401 },
  { attack: "forged identity headers", line: GET, headers: FORGED, status: 401 },
  {
    attack: "forged identity headers on a page",
    line: "GET {P}/lab HTTP/1.1",
    headers: [...PAGE, ...FORGED],
    status: 302,
  },
  { attack: "identity headers with underscores", line: GET, headers: FORGED.map(withSeparator("_")), status: 401 },
  { attack: "identity headers with dots", line: GET, headers: FORGED.map(withSeparator(".")), status: 401 },
  { attack: "a forged X-Forwarded-User", line: GET, headers: ["X-Forwarded-User: alice"], status: 401 },
  {
    attack: "identity headers that Connection asks to remove",
    line: GET,
    headers: [...FORGED, "Connection: close, X-Auth-Request-User, X-Auth-Request-Email, X-Auth-Request-Groups"],
    status: 401,
  },
  {
    attack: "Connection that removes what traefik adds",
    line: GET,
    headers: ["Connection: close, X-Forwarded-Uri, X-Forwarded-Host, X-Forwarded-Method, X-Forwarded-For, Cookie"],
    status: 401,
  },
  { attack: "a forged X-Forwarded-Uri", line: GET, headers: ["X-Forwarded-Uri: /ping"], status: 401 },
  { attack: "a forged X-Forwarded-Method", line: GET, headers: ["X-Forwarded-Method: OPTIONS"], status: 401 },
  { attack: "a forged X-Forwarded-Prefix", line: GET, headers: ["X-Forwarded-Prefix: /ping"], status: 401 },
  {
    attack: "X-Original-Url and X-Rewrite-Url",
    line: GET,
    headers: ["X-Original-Url: /ping", "X-Rewrite-Url: /ping"],
    status: 401,
  },
  { attack: "the user agent of a health check", line: GET, headers: ["User-Agent: GoogleHC/1.0"], status: 401 },
  { attack: "the user agent of the kubelet", line: GET, headers: ["User-Agent: kube-probe/1.35"], status: 401 },
  {
    attack: "a loopback X-Forwarded-For",
    line: GET,
    headers: ["X-Forwarded-For: 127.0.0.1", "X-Real-Ip: 127.0.0.1"],
    status: 401,
  },
  {
    attack: "a Forwarded header",
    line: GET,
    headers: ["Forwarded: for=127.0.0.1;host=127.0.0.1;proto=https"],
    status: 401,
  },
  {
    attack: "a made-up session cookie",
    line: GET,
    headers: ["Cookie: {COOKIE}=YWxpY2U=|1700000000|c2ln"],
    status: 401,
  },
  { attack: "an empty session cookie", line: GET, headers: ["Cookie: {COOKIE}="], status: 401 },
  { attack: "a basic password", line: GET, headers: ["Authorization: Basic YWxpY2U6YWxpY2U="], status: 401 },
  {
    attack: "an unsigned bearer token",
    line: GET,
    headers: ["Authorization: Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9."],
    status: 401,
  },
  { attack: "Jupyter's own token in the query", line: "GET {P}/api/contents?token=x HTTP/1.1", status: 401 },
  { attack: "an OPTIONS request", line: "OPTIONS {P}/api/contents HTTP/1.1", status: 401 },
  { attack: "the path that ends inside the login's prefix", line: "GET {P}/oauth2/../api HTTP/1.1", status: 401 },
  {
    attack: "an encoded way out of the login's prefix",
    line: "GET {P}/oauth2/..%2fapi HTTP/1.1",
    status: 302,
  },
  { attack: "a path that only begins like the login's", line: "GET {P}/oauth2x HTTP/1.1", status: 401 },
  { attack: "the login's prefix without its slash", line: "GET {P}/oauth2 HTTP/1.1", status: 401 },
  { attack: "the question traefik asks oauth2-proxy", line: "GET {P}/oauth2/auth HTTP/1.1", status: 401 },
  { attack: "the question after the user", line: "GET {P}/oauth2/userinfo HTTP/1.1", status: 401 },
  { attack: "the authorization service's own path", line: "GET {P}/authorize HTTP/1.1", headers: FORGED, status: 401 },
  { attack: "the path of the probe", line: "GET {P}/ready HTTP/1.1", status: 401 },
  { attack: "the path of oauth2-proxy's ping", line: "GET {P}/ping HTTP/1.1", status: 401 },
  { attack: "the upgrade prefix without an upgrade", line: "GET {P}/websocket/api HTTP/1.1", status: 401 },
  { attack: "Upgrade without Connection", line: GET, headers: ["Upgrade: websocket"], status: 401 },
  {
    attack: "an upgrade to HTTP/2",
    line: GET,
    headers: ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"],
    status: 401,
  },
  { attack: "an absolute target of a foreign host", line: "GET http://evil.example{P}/api HTTP/1.1", status: 404 },
  { attack: "an absolute target of the own host", line: "GET http://{HOST}{P}/api HTTP/1.1", status: 401 },
  {
    attack: "an absolute target with a user part",
    line: "GET http://localhost@evil.example{P}/api HTTP/1.1",
    status: 404,
  },
  { attack: "HTTP/1.0", line: "GET {P}/api HTTP/1.0", status: 401 },
  { attack: "a tunnel", line: "CONNECT 127.0.0.1:8888 HTTP/1.1", status: 501 },
  { attack: "TRACE", line: "TRACE {P}/api HTTP/1.1", status: 401 },
  {
    attack: "a header with a space before its colon",
    line: GET,
    headers: ["X-Auth-Request-User : alice"],
    status: 400,
  },
  { attack: "a folded header", line: GET, headers: ["X-Note: a", " X-Auth-Request-User: alice"], status: 401 },
  { attack: "a header that is too long", line: GET, headers: [`X-Long: ${"a".repeat(80_000)}`], status: 431 },
  {
    attack: "a length beside a transfer coding",
    line: POST,
    headers: ["Content-Length: 4", "Transfer-Encoding: chunked"],
    body: "0\r\n\r\nGET {P}/api HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
    status: 401,
  },
  {
    attack: "two lengths",
    line: POST,
    headers: ["Content-Length: 0", "Content-Length: 30"],
    body: "GET {P}/api HTTP/1.1\r\n\r\n",
    status: 400,
  },
  {
    attack: "an unknown transfer coding",
    line: POST,
    headers: ["Transfer-Encoding: xchunked"],
    body: "0\r\n\r\n",
    status: 501,
  },
];

/** Requests with alice's valid session to what is not hers, or not a path. Nothing of them may reach Jupyter. */
const WITH_SESSION: readonly Attack[] = [
  { attack: "an encoded back slash", line: "GET {P}/api%5c..%5cx HTTP/1.1", status: 400 },
  { attack: "an encoded NUL", line: "GET {P}/api%00 HTTP/1.1", status: 400 },
  { attack: "a foreign host", line: "GET {P}/api HTTP/1.1", headers: ["Host: evil.example"], status: 404 },
  { attack: "an absolute target of a foreign host", line: "GET http://evil.example{P}/api HTTP/1.1", status: 404 },
  { attack: "a second host", line: GET, headers: ["Host: {HOST}", "Host: evil.example"], status: 400 },
  {
    attack: "a second host in X-Forwarded-Host is ignored, a foreign port is not",
    line: GET,
    headers: ["Host: localhost:1"],
    status: 403,
  },
  {
    attack: "a POST from another site",
    line: POST,
    headers: ["Origin: https://evil.example", "Content-Length: 0"],
    status: 403,
  },
  {
    attack: "a POST from a sibling site",
    line: POST,
    headers: ["Origin: http://x.{HOST}", "Content-Length: 0"],
    status: 403,
  },
  {
    attack: "a POST from another port",
    line: POST,
    headers: ["Origin: http://localhost:1", "Content-Length: 0"],
    status: 403,
  },
  {
    attack: "a POST from the same host by https",
    line: POST,
    headers: ["Origin: https://{HOST}", "Content-Length: 0"],
    status: 403,
  },
  { attack: "a POST of an opaque origin", line: POST, headers: ["Origin: null", "Content-Length: 0"], status: 403 },
  {
    attack: "a POST that the browser calls cross-site",
    line: POST,
    headers: ["Sec-Fetch-Site: cross-site", "Content-Length: 0"],
    status: 403,
  },
  {
    attack: "a POST that the browser calls same-site",
    line: POST,
    headers: ["Sec-Fetch-Site: same-site", "Content-Length: 0"],
    status: 403,
  },
  {
    attack: "a foreign POST dressed as GET",
    line: POST,
    headers: [
      "Origin: https://evil.example",
      "X-Http-Method-Override: GET",
      "X-Forwarded-Method: GET",
      "Content-Length: 0",
    ],
    status: 403,
  },
  {
    attack: "a foreign origin with the own as X-Forwarded-Host",
    line: POST,
    headers: ["Origin: https://evil.example", "X-Forwarded-Host: evil.example", "Content-Length: 0"],
    status: 403,
  },
  {
    attack: "a DELETE from another site",
    line: "DELETE {P}/api/contents/x HTTP/1.1",
    headers: ["Origin: https://evil.example"],
    status: 403,
  },
  {
    attack: "Connection that removes Origin, which no browser can be made to send",
    line: POST,
    headers: [
      "Origin: https://evil.example",
      "Connection: close, Origin, Sec-Fetch-Site",
      "Sec-Fetch-Site: cross-site",
      "Content-Length: 0",
    ],
    status: 200,
  },
];

const SIBLINGS: readonly Attack[] = [
  { attack: "a name that begins like the server's", line: "GET /sessions/ab/api HTTP/1.1", status: 404 },
  { attack: "a path parameter", line: "GET /sessions/a;x/api HTTP/1.1", status: 404 },
  { attack: "an encoded slash after the server's path", line: "GET /sessions/a%2fapi HTTP/1.1", status: 404 },
  {
    attack: "an encoded back slash after the server's path",
    line: "GET /sessions/a%5capi HTTP/1.1",
    status: 404,
  },
  { attack: "the path in capitals", line: "GET /sessions/A/api HTTP/1.1", status: 404 },
  { attack: "a step up", line: "GET /sessions/a/../b/api HTTP/1.1", status: 404 },
  { attack: "an encoded step up", line: "GET /sessions/a/%2e%2e/b/api HTTP/1.1", status: 404 },
  { attack: "the parent", line: "GET /sessions/ HTTP/1.1", status: 404 },
  { attack: "the root", line: "GET / HTTP/1.1", status: 404 },
];

describe.each(["/", "/sessions/a"])("an attack on a server at %s", (basePath) => {
  let chain: Chain;
  let alice = "";
  let bob = "";

  beforeAll(async () => {
    chain = await startChain({ basePath, accounts, policy });
    [{ cookie: alice }, { cookie: bob }] = await Promise.all([chain.signIn("alice"), chain.signIn("bob")]);
  });
  beforeEach(() => chain.upstream.forget());
  afterAll(() => chain.close());

  const fill = (text: string): string =>
    text
      .replaceAll("{HOST}", chain.host)
      .replaceAll("{COOKIE}", chain.settings.cookieName)
      .replaceAll("{P}", basePath === "/" ? "" : basePath);
  const send = async ({ line, headers = [], body = "" }: Attack, cookie = "") => {
    const host = headers.some((header) => header.startsWith("Host:")) ? [] : ["Host: {HOST}"];
    const session = cookie === "" ? [] : [`Cookie: ${cookie}`];
    const text = requestText(fill(line), [...[...host, ...headers].map(fill), ...session], fill(body));
    return sendRaw(chain.settings.ports.traefik, text);
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

  it("lets the owner in, and shows Jupyter neither the session nor who it is", async () => {
    const headers = [...FORGED, "X-Auth-Request-Access-Token: x", "X-Forwarded-User: root", "Authorization: token x"];
    const answer = await send(
      { attack: "", line: GET, headers: [...headers, "X-Original-Url: /x"], status: 200 },
      `${alice}; _xsrf=2|abc`,
    );
    expect(answer.status).toBe(200);
    const [arrival] = chain.upstream.arrivals;
    expect(arrival?.headers["cookie"]).toBe("_xsrf=2|abc");
    const names = Object.keys(arrival?.headers ?? {}).filter((name) => /auth|forwarded-user|original/.test(name));
    expect(names).toEqual([]);
  });

  it("removes the Cookie header when only the session is in it", async () => {
    await send({ attack: "", line: GET, status: 200 }, alice);
    expect(chain.upstream.arrivals.map(({ headers }) => headers["cookie"])).toEqual([undefined]);
  });

  it.each([
    "//evil.example",
    "/\\evil.example",
    "%2f%2fevil.example",
    "https://evil.example/",
    "http:evil.example",
    "javascript:alert(1)",
  ])("a login that should return to %s ends on this host", async (target) => {
    const login = await chain.signIn("alice", fill(`{P}/oauth2/start?rd=${encodeURIComponent(target)}`));
    expect(new URL(login.url).host).toBe(chain.host);
  });

  it("keeps few cookies of logins that were never finished", async () => {
    const names = new Map<string, string>();
    for (let attempt = 0; attempt < 8; attempt += 1) {
      const cookie = [...names].map(([name, value]) => `${name}=${value}`).join("; ");
      const answer = await send({ attack: "", line: "GET {P}/lab HTTP/1.1", headers: PAGE, status: 302 }, cookie);
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
    const answer = await sendUpgrade(
      chain.settings.ports.traefik,
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
    const answer = await sendRaw(chain.settings.ports.traefik, first + second);
    expect(answer.status).toBe(404);
    expect(chain.upstream.arrivals.filter(({ url }) => url.includes("secret"))).toEqual([]);
  });

  it("HTTP/2 with prior knowledge reaches nobody", async () => {
    const settingsFrame = "\x00\x00\x00\x04\x00\x00\x00\x00\x00";
    const answer = await sendUpgrade(chain.settings.ports.traefik, `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${settingsFrame}`);
    expect([0, 400, 404, 505]).toContain(answer.status);
    expect(chain.upstream.arrivals).toEqual([]);
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

function withSeparator(separator: string): (header: string) => string {
  return (header) => {
    const [name = "", value = ""] = header.split(": ");
    return `${name.replaceAll("-", separator)}: ${value}`;
  };
}

function isRemoval(setCookie: string): boolean {
  return /max-age=0|expires=thu, 01 jan 1970/i.test(setCookie) || /^[^=]+=;/.test(setCookie);
}
