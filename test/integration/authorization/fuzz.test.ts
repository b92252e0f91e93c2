import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startChain, type Chain } from "./chain.ts";
import { requestText, sendUntilAnswered } from "./raw-http.ts";

const accounts = { alice: { email: "alice@example.org", email_verified: true, groups: ["staff"] } };

/** Each request takes some milliseconds: this many run in CI. `AMALTHEA_FUZZ_RUNS` sets another number. */
const RUNS = Number(process.env["AMALTHEA_FUZZ_RUNS"] ?? 400);

const method = fc.constantFrom("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get");

/** Pieces that proxies disagree about. */
const pathPiece = fc.constantFrom(
  ...[
    "/",
    "//",
    "/./",
    "/../",
    "/%2e%2e/",
    "/..%2f",
    "%2f",
    "%5c",
    "\\",
    ";",
    ";x=1",
    "%3b",
    "%00",
    "%",
    "%zz",
    "%25",
    "%252e",
  ],
  ...[
    "?",
    "#",
    "%3f",
    "%23",
    "@",
    ":",
    "sessions",
    "a",
    "A",
    "%61",
    "b",
    "oauth2",
    "auth",
    "start",
    "callback",
    "sign_out",
  ],
  ...[
    "api",
    "lab",
    "static",
    "robots.txt",
    "ping",
    "ready",
    "metrics",
    "authorize",
    "websocket",
    "error",
    "502",
    "signed-out",
  ],
);
const path = fc
  .tuple(
    fc.constantFrom("/", "/sessions/a", "/sessions/a/", "http://localhost/sessions/a/", "*"),
    fc.array(pathPiece, { maxLength: 8 }),
  )
  .map(([start, pieces]) => start + pieces.join(""));

const headerName = fc
  .tuple(
    fc.constantFrom(
      ...[
        "X-Auth-Request-User",
        "X-Auth-Request-Email",
        "X-Auth-Request-Groups",
        "X-Forwarded-User",
        "X-Forwarded-Uri",
      ],
      ...[
        "X-Forwarded-Method",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-For",
        "X-Forwarded-Prefix",
        "X-Real-Ip",
      ],
      ...[
        "X-Original-Url",
        "X-Rewrite-Url",
        "X-Http-Method-Override",
        "Forwarded",
        "Authorization",
        "Cookie",
        "Upgrade",
        "Te",
      ],
      ...[
        "Accept",
        "Origin",
        "Referer",
        "Sec-Fetch-Site",
        "Connection",
        "User-Agent",
        "GAP-Auth",
        "Via",
        "Max-Forwards",
      ],
    ),
    fc.constantFrom<(name: string) => string>(
      (name) => name,
      (name) => name.toLowerCase(),
      (name) => name.replaceAll("-", "_"),
      (name) => name.replaceAll("-", "."),
    ),
  )
  .map(([name, spell]) => spell(name));
const headerValue = fc.oneof(
  fc.constantFrom(
    ...[
      "alice",
      "alice@example.org",
      "staff",
      "/ping",
      "/oauth2/auth",
      "/sessions/a/oauth2/start",
      "OPTIONS",
      "localhost",
    ],
    ...[
      "127.0.0.1",
      "https",
      "text/html",
      "*/*",
      "websocket",
      "h2c",
      "Upgrade",
      "close, X-Forwarded-Uri",
      "null",
      "none",
    ],
    ...[
      "kube-probe/1.35",
      "GoogleHC/1.0",
      "Bearer a.b.c",
      "Basic YWxpY2U6eA==",
      "__Secure-amalthea-test=a|1|b",
      "trailers",
    ],
  ),
  fc.string({ unit: "binary-ascii", maxLength: 30 }).map((text) => text.replaceAll(/[\r\n]/g, " ")),
);
const headers = fc.array(
  fc.tuple(headerName, headerValue).map(([name, value]) => `${name}: ${value}`),
  { maxLength: 8 },
);

describe("a request without a valid session", () => {
  let chain: Chain;
  let validCookie = "";
  let forgedCookie = "";

  beforeAll(async () => {
    chain = await startChain({ basePath: "/sessions/a", accounts, criteria: { allowAnyUser: true } });
    const { cookie } = await chain.signIn("alice");
    validCookie = cookie;
    // a real session with one changed character in its middle: close to valid, but not signed
    const middle = Math.floor(cookie.length / 2);
    forgedCookie = cookie.slice(0, middle) + (cookie[middle] === "A" ? "B" : "A") + cookie.slice(middle + 1);
    chain.upstream.forget();
  });
  afterAll(() => chain.close());

  it("never reaches Jupyter, whatever its path and headers", async () => {
    const withForgery = fc.boolean();
    const property = fc.asyncProperty(method, path, headers, withForgery, async (verb, target, lines, isForged) => {
      const cookie = isForged ? [`Cookie: ${forgedCookie}`] : [];
      const text = requestText(`${verb} ${target} HTTP/1.1`, [`Host: ${chain.host}`, ...lines, ...cookie]);
      const answer = await sendUntilAnswered(chain.ports.traefik, text);
      expect(chain.upstream.arrivals).toEqual([]);
      expect(answer.body).not.toContain("upstream 200");
    });
    await fc.assert(property, { numRuns: RUNS });
  });

  it("never gets a yes or a crash from the authorization service itself", async () => {
    // Its probe at /ready asks Jupyter, with nothing of the request in it.
    const headersOfProbe = { host: `127.0.0.1:${chain.upstream.port}`, connection: "close" };
    const probe = { method: "GET", url: "/sessions/a/api", headers: headersOfProbe };
    const property = fc.asyncProperty(method, path, headers, async (verb, target, lines) => {
      const described = ["X-Forwarded-Method: GET", `X-Forwarded-Host: ${chain.host}`, `X-Forwarded-Uri: ${target}`];
      const request = [`Host: ${chain.host}`, ...described, ...lines, `Cookie: ${forgedCookie}`];
      const { authorization } = chain.ports;
      const asked = await sendUntilAnswered(authorization, requestText("GET /authorize HTTP/1.1", request));
      const direct = await sendUntilAnswered(authorization, requestText(`${verb} ${target} HTTP/1.1`, request));
      expect(asked.body).not.toContain(`"decision":"Allow"`);
      expect(direct.body).not.toContain(`"decision":"Allow"`);
      expect([asked.status, direct.status]).not.toContain(500);
      expect(chain.upstream.arrivals).toEqual(chain.upstream.arrivals.map(() => probe));
    });
    await fc.assert(property, { numRuns: RUNS, examples: [["GET", "/ready", []]] });
    expect(chain.log()).not.toContain("failed");
  });

  it("is what the tests above refuse: the same with a valid session reaches Jupyter", async () => {
    chain.upstream.forget();
    const text = requestText("GET /sessions/a/api HTTP/1.1", [`Host: ${chain.host}`, `Cookie: ${validCookie}`]);
    expect((await sendUntilAnswered(chain.ports.traefik, text)).body).toContain("upstream 200");
    expect(chain.upstream.arrivals).toHaveLength(1);
  });
});
