import { once } from "node:events";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { prefixOf } from "@amalthea/api";
import { startChain, type Chain } from "./chain.ts";
import { eventually } from "./program.ts";
import { openTunnel } from "./tunnel.ts";

const accounts = { alice: { email: "alice@example.org", email_verified: true } };

describe.each(["/", "/sessions/a"])("signing out of a server at %s", (basePath) => {
  let chain: Chain;
  let cookie = "";
  const prefix = prefixOf(basePath);
  const send = (path: string, headers: Readonly<Record<string, string>> = {}, method = "GET"): Promise<Response> =>
    fetch(`${chain.origin}${prefix}${path}`, { method, headers: { Cookie: cookie, ...headers }, redirect: "manual" });
  const api = async (headers = {}): Promise<number> => (await send("/api/contents", headers)).status;

  beforeAll(async () => {
    chain = await startChain({ basePath, accounts, criteria: { userId: "alice" } });
  });
  beforeEach(async () => {
    ({ cookie } = await chain.signIn("alice"));
  });
  afterAll(() => chain.close());

  it.each([
    { way: "/oauth2/sign_out" },
    { way: "/oauth2/sign_out?rd=https%3A%2F%2Fexample.org" },
    { way: "/oauth2/sign_out", headers: { "Sec-Fetch-Site": "same-origin" } },
    { way: "/oauth2/sign_out", headers: { "Sec-Fetch-Site": "none" } },
    { way: "/oauth2/sign_out", method: "POST" },
  ])("$way ($headers) ends on our page, with the cookies removed and a copy of them refused", async (request) => {
    expect(await api()).toBe(200);
    const answer = await send(request.way, request.headers, request.method);
    expect([answer.status, answer.headers.get("location")]).toEqual([302, `${prefix}/oauth2/signed-out`]);
    const removal = new RegExp(`^${chain.cookieName}=; Path=${prefix}/; .*Max-Age=0`);
    expect(answer.headers.getSetCookie()).toContainEqual(expect.stringMatching(removal));
    expect(await api()).toBe(401);
    expect(await api({ Cookie: `${cookie}; ${chain.cookieName}_9=x` })).toBe(401);
    const page = await send("/oauth2/signed-out", { Cookie: "" });
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining("You are signed out")]);
  });

  it("ends a session whose browser has too many cookies", async () => {
    const many = Array.from({ length: 9 }, (_, n) => `${chain.cookieName}_${n}x_csrf=a`).join("; ");
    expect((await send("/oauth2/sign_out", { Cookie: `${many}; ${cookie}` })).status).toBe(302);
    expect(await api()).toBe(401);
  });

  it("JupyterLab's own Log Out leads there", async () => {
    const answer = await send("/logout", { Accept: "text/html" });
    expect([answer.status, answer.headers.get("location")]).toEqual([302, `${prefix}/oauth2/sign_out`]);
    expect(chain.upstream.arrivals.filter(({ url }) => url.includes("logout"))).toEqual([]);
  });

  it.each([
    { caused: "by another site", headers: { "Sec-Fetch-Site": "cross-site" } },
    { caused: "by a sibling of its host", headers: { "Sec-Fetch-Site": "same-site" } },
    { caused: "by another site in an old browser", headers: { Referer: "https://evil.example/" } },
  ])("a GET that is caused $caused signs nobody out, and asks", async ({ headers }) => {
    const answer = await send("/oauth2/sign_out", { Accept: "text/html", ...headers });
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining("Sign out?")]);
    expect(answer.headers.getSetCookie()).toEqual([]);
    expect(await api()).toBe(200);
  });

  it.each([{ Origin: "https://evil.example" }, { Origin: "null" }, { "Sec-Fetch-Site": "same-site" }])(
    "a POST with %j signs nobody out",
    async (headers) => {
      expect((await send("/oauth2/sign_out", headers as Record<string, string>, "POST")).status).toBe(403);
      expect(await api()).toBe(200);
    },
  );

  it("ends the WebSockets of this session, and no other session", async () => {
    const { cookie: other } = await chain.signIn("alice");
    const cut = await openTunnel(chain, cookie, `${prefix}/api/kernels/1/channels`);
    const stays = await openTunnel(chain, other, `${prefix}/api/kernels/1/channels`);
    const closed = once(cut.socket, "close");
    await send("/oauth2/sign_out");
    await closed;
    expect(await stays.echo(Buffer.from("hello"))).toEqual(Buffer.from("hello"));
    stays.socket.destroy();
    expect(await api({ Cookie: other })).toBe(200);
    await eventually("the log says why", () => chain.log().includes('"reason":"SignedOut"'));
  });

  it("lets the next sign-in ask who it is, until somebody has signed in", async () => {
    const marks = (await send("/oauth2/sign_out")).headers.getSetCookie().map((line) => line.split(";")[0] ?? "");
    const mark = marks.find((pair) => pair.endsWith("signed_out=1")) ?? "";
    const promptOf = async (path: string, headers = {}): Promise<string | null> =>
      new URL((await send(path, headers)).headers.get("location") ?? "").searchParams.get("prompt");
    expect(await promptOf("/oauth2/start", { Cookie: mark })).toBe("login");
    expect(await promptOf("/oauth2/start?account=other", { Cookie: "" })).toBe("login");
    expect(await promptOf("/oauth2/start", { Cookie: "" })).toBeNull();
    const { setCookies } = await chain.signIn("alice");
    expect(setCookies).toContainEqual(expect.stringMatching(/signed_out=; .*Max-Age=0/));
  });
});

describe("a sign-out that ends the provider's session as well", () => {
  it("leads to the provider, which knows the session and leads back to our page", async () => {
    const criteria = { userId: "alice", endProviderSession: true };
    const chain = await startChain({ basePath: "/sessions/a", accounts, criteria });
    onTestFinished(() => chain.close());
    const { cookie } = await chain.signIn("alice");
    const signOut = `${chain.origin}/sessions/a/oauth2/sign_out`;
    const answer = await fetch(signOut, { headers: { Cookie: cookie }, redirect: "manual" });
    const address = new URL(answer.headers.get("location") ?? "");
    expect(address.origin).toBe(chain.provider.issuerUrl);
    expect(Object.fromEntries(address.searchParams)).toEqual({
      client_id: "jupyter",
      id_token_hint: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/) as string,
      post_logout_redirect_uri: `${chain.origin}/sessions/a/oauth2/signed-out`,
    });
    const page = await fetch(address);
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining("logout")]);
    const again = await fetch(signOut, { headers: { Cookie: cookie }, redirect: "manual" });
    expect(again.headers.get("location")).toBe("/sessions/a/oauth2/signed-out");
  });
});
