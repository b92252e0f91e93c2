import type { ServerResponse } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prefixOf } from "@amalthea/api";
import { startChain, type Chain } from "./chain.ts";

const accounts = { alice: { email: "alice@example.org", email_verified: true, groups: ["staff"] } };

/** Words of the pages of oauth2-proxy. */
const NOT_OURS =
  /OAuth2 Proxy|oauth2-proxy\/oauth2-proxy|bulma|Secured with|User-agent: \*|^Unauthorized$|^Forbidden$/m;

describe.each(["/", "/sessions/a"])("pages of the login of a server at %s", (basePath) => {
  let chain: Chain;
  const prefix = prefixOf(basePath);
  const get = (path: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
    fetch(`${chain.origin}${prefix}${path}`, { headers: { Accept: "text/html", ...headers }, redirect: "manual" });

  beforeAll(async () => {
    chain = await startChain({ basePath, accounts, criteria: { userId: "alice" } });
  });
  afterAll(() => chain.close());

  it.each([
    { error: "invalid_scope", status: 500, says: "spec.auth.oidc.scopes" },
    { error: "unauthorized_client", status: 500, says: "spec.auth.oidc.clientId" },
    { error: "access_denied", status: 403, says: "did not let you in" },
    { error: "temporarily_unavailable", status: 503, says: "not available" },
    { error: "something_new", status: 403, says: "answered with an error" },
    { error: "<script>alert(1)</script>", status: 403, says: "The address of this page has the error" },
  ])("a provider that answers $error: the page says what to do", async ({ error, status, says }) => {
    const description = "call 555-1234";
    const query = new URLSearchParams({ error, error_description: description, state: "a:/" });
    const answer = await get(`/oauth2/callback?${query}`);
    const body = await answer.text();
    expect([answer.status, body]).toEqual([status, expect.stringContaining(says)]);
    expect(body).not.toMatch(NOT_OURS);
    expect(body).not.toMatch(/555|<script/);
    expect(answer.headers.get("cache-control")).toBe("no-store");
  });

  it("a login page of Keycloak that was open for too long: the sign-in begins again", async () => {
    const query = "error=temporarily_unavailable&error_description=authentication_expired&state=a:/";
    const answer = await get(`/oauth2/callback?${query}`);
    expect([answer.status, await answer.text()]).toEqual([403, expect.stringContaining("has to begin again")]);
  });

  it.each([
    { path: "/oauth2/callback", status: 403 },
    { path: "/oauth2/callback?code=x&state=abc:/x", status: 403 },
    { path: "/oauth2/", status: 404 },
    { path: "/oauth2/static/css/bulma.min.css", status: 404 },
    { path: "/oauth2/nothing", status: 404 },
    { path: "/oauth2/auth", status: 401 },
    { path: "/oauth2/userinfo", status: 401 },
  ])("$path is answered by us with $status", async ({ path, status }) => {
    for (const accept of ["text/html", "*/*"]) {
      const answer = await get(path, { Accept: accept });
      const type = accept === "text/html" ? "text/html; charset=utf-8" : "application/json";
      expect([answer.status, answer.headers.get("content-type")]).toEqual([status, type]);
      expect(await answer.text()).not.toMatch(NOT_OURS);
    }
  });

  it("a login that was made up is refused, and none of it gets into a log", async () => {
    const forged = `${chain.cookieName}_abcdefgh_csrf=forged-cookie|1|x`;
    const query = `code=forged-code&state=${encodeURIComponent("abcdefghij:/\nforged line")}`;
    const answer = await get(`/oauth2/callback?${query}`, { Cookie: `${forged}; other=forged-cookie` });
    expect([answer.status, await answer.text()]).toEqual([403, expect.stringContaining("has to begin again")]);
    const logs = chain.log() + chain.programs.oauth2Proxy.output();
    expect(logs).not.toMatch(/forged-cookie|forged-code|^forged line/m);
  });

  it("answers whose session it is", async () => {
    const { cookie } = await chain.signIn("alice");
    const answer = await get("/oauth2/userinfo", { Cookie: cookie });
    expect(await answer.json()).toEqual({ user: "alice", email: "alice@example.org", groups: [] });
  });

  it("a browser without a session is sent to the login with the page it asked for, and with no cookie yet", async () => {
    const answer = await get("/lab?reset");
    const start = `${prefix}/oauth2/start?rd=${encodeURIComponent(`${prefix}/lab?reset`)}`;
    expect([answer.status, answer.headers.get("location")]).toEqual([302, start]);
    expect(answer.headers.getSetCookie()).toEqual([]);
  });

  it("people with too many cookies of somebody else's are told how to get out", async () => {
    const { cookie } = await chain.signIn("alice");
    const many = Array.from({ length: 25 }, (_, index) => `sibling${index}=${"x".repeat(1_000)}`).join("; ");
    const answer = await get("/lab", { Cookie: `${cookie}; ${many}` });
    expect([answer.status, await answer.text()]).toEqual([431, expect.stringContaining("Delete the cookies")]);
    const tossed = `${chain.cookieName}_0=x`;
    const signOut = await get("/oauth2/sign_out", { Cookie: `${many}; ${tossed}` });
    expect(signOut.headers.getSetCookie()).toContainEqual(expect.stringMatching(`^${chain.cookieName}_0=; Path=/; `));
  });
});

describe("pages of a login whose client the provider does not know so", () => {
  it("tell the owner to compare the client's ID and secret", async () => {
    const loginArgs = ["--client-secret=not-the-secret"];
    const chain = await startChain({ basePath: "/a", accounts, criteria: { userId: "alice" }, loginArgs });
    try {
      const { status, body } = await chain.signIn("alice");
      expect([status, body]).toEqual([500, expect.stringContaining("refused the client ID or the client secret")]);
      expect(body).toContain("spec.auth.oidc.clientId and clientSecret");
      expect(body).not.toMatch(NOT_OURS);
      expect(body).not.toContain("invalid_client");
      expect(chain.log()).toContain("SecretRefused");
    } finally {
      await chain.close();
    }
  });
});

describe("pages of a login whose code is not exchanged", () => {
  let chain: Chain;
  type Answer = (response: ServerResponse) => unknown;

  beforeAll(async () => {
    chain = await startChain({ basePath: "/a", accounts, criteria: { userId: "alice" } });
  });
  afterAll(() => chain.close());

  /** Comes back from the provider, whose token endpoint then gives this answer. */
  const callback = async (answer: Answer, rd = "/a/"): Promise<unknown> => {
    chain.provider.answerAt("/token", answer);
    const start = await fetch(`${chain.origin}/a/oauth2/start`, { redirect: "manual" });
    const state = new URL(start.headers.get("location") ?? "").searchParams.get("state") ?? "";
    const cookies = start.headers.getSetCookie().map((line) => line.split(";", 1)[0]);
    const query = new URLSearchParams({ code: "a", state, rd });
    const page = await fetch(`${chain.origin}/a/oauth2/callback?${query}`, {
      headers: { Accept: "application/json", Cookie: cookies.join("; ") },
    });
    return [page.status, await page.json()];
  };
  const refuse = (status: number, error: string): Answer => {
    const headers = { "Content-Type": "application/json" };
    return (response) => response.writeHead(status, headers).end(JSON.stringify({ error }));
  };

  it.each<{ provider: string; answer: Answer }>([
    { provider: "says that it has an error", answer: refuse(500, "server_error") },
    { provider: "says that it is unavailable for now", answer: refuse(400, "temporarily_unavailable") },
    { provider: "is behind a proxy that does not reach it", answer: (response) => response.writeHead(502).end() },
    { provider: "is asked too often", answer: (response) => response.writeHead(429).end() },
    { provider: "hangs up", answer: ({ socket }) => socket?.end() },
    { provider: "resets the connection", answer: ({ socket }) => socket?.resetAndDestroy() },
    {
      provider: "breaks off in its answer",
      answer: (response) => response.writeHead(200, { "Content-Length": 9 }).write("{", () => response.destroy()),
    },
  ])("say that the provider is not available when it $provider", async ({ answer }) => {
    expect(await callback(answer)).toMatchObject([503, { error: "ProviderUnavailable" }]);
  });

  it.each(["/a/invalid_client", "/a/?x=: dial tcp"])("tell nothing by the address to return to: %s", async (rd) => {
    expect(await callback(refuse(400, "invalid_grant"), rd)).toMatchObject([500, { error: "Failed" }]);
  });

  it("take a token for another audience as that, whatever the request and the token say", async () => {
    const { issuerUrl: iss, sign } = chain.provider;
    const claims = { iss, sub: "CSRF", aud: "CSRF", exp: Date.now() / 1000 + 60 };
    const token = JSON.stringify({ access_token: "a", token_type: "Bearer", id_token: await sign(claims) });
    const answer: Answer = (response) => response.writeHead(200, { "Content-Type": "application/json" }).end(token);
    expect(await callback(answer, "/a/CSRF ")).toMatchObject([403, { error: "NotAccepted" }]);
  });
});
