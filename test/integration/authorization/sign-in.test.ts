import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { prefixOf } from "@amalthea/api";
import { startChain, type Chain } from "./chain.ts";
import { ABOUT_OTHERS } from "./recording-upstream.ts";
import { openTunnel } from "./tunnel.ts";

const accounts = {
  alice: { email: "alice@example.org", email_verified: true, groups: ["lab-a"] },
  bob: { email: "bob@example.org", email_verified: true, groups: ["a,lab-a"] },
};

/** Every character that the CRD admits in a path, besides letters and digits. */
const ALL_CHARACTERS = "/a-._~@:,=&!'b";

describe.each(["/", "/sessions/a", ALL_CHARACTERS])("signing in to a server at %s", (basePath) => {
  let chain: Chain;
  const prefix = prefixOf(basePath);

  beforeAll(async () => {
    chain = await startChain({ basePath, accounts, criteria: { authorizedGroups: ["lab-a"] } });
  });
  beforeEach(() => chain.upstream.forget());
  afterAll(() => chain.close());

  it("brings the browser back to the page it asked for, query included", async () => {
    const login = await chain.signIn("alice", `${prefix}/lab/tree/a%20b?reset&q=%2Fz%20y`);
    expect(login).toMatchObject({ status: 200, body: "upstream 200" });
    expect(login.url).toBe(`${chain.origin}${prefix}/lab/tree/a%20b?reset&q=%2Fz%20y`);
    expect(chain.upstream.arrivals.map(({ url }) => url)).toEqual([`${prefix}/lab/tree/a%20b?reset&q=%2Fz%20y`]);
  });

  it("works at the very address that the status tells, query included", async () => {
    const login = await chain.signIn("alice", `${basePath}?reset`);
    expect(login).toMatchObject({ status: 200, url: `${chain.origin}${prefix}/?reset` });
    expect(chain.upstream.arrivals.map(({ url }) => url)).toEqual([`${prefix}/?reset`]);
  });

  it.each([
    "",
    "?rd=/",
    "?rd=/elsewhere",
    "?rd=https://example.org/",
    "?rd=//example.org",
    `?rd=${encodeURIComponent(`${basePath}/%2e%2e/elsewhere`)}`,
    `?rd=/elsewhere&rd=${encodeURIComponent(`${prefix}/lab`)}`,
  ])("returns to the server after oauth2/start%s", async (query) => {
    const { status, url } = await chain.signIn("alice", `${prefix}/oauth2/start${query}`);
    const isBelow = prefix !== "" || !query.startsWith("?rd=/elsewhere");
    expect({ status, url }).toEqual({ status: 200, url: `${chain.origin}${prefix}${isBelow ? "/" : "/elsewhere"}` });
  });

  it("writes nobody's address into the log of the login, and no line that a request made up", async () => {
    await chain.signIn("alice");
    const state = encodeURIComponent("abc:/\nforged line");
    const query = `error=${encodeURIComponent("x\nforged line")}&state=${state}`;
    await (await fetch(`${chain.origin}${prefix}/oauth2/callback?${query}`)).body?.cancel();
    expect(chain.programs.oauth2Proxy.output()).not.toContain("alice@example.org");
    expect(chain.programs.oauth2Proxy.output()).not.toMatch(/^forged line/m);
  });

  it.each(Object.keys(ABOUT_OTHERS))(
    "lets no answer of the server concern others of its host or domain: %s",
    async (name) => {
      const { cookie } = await chain.signIn("alice");
      const requests = [
        { path: "/api/contents", more: {} },
        { path: "/lab", more: { accept: "text/html" } },
        { path: "/api/kernels/1", more: { "sec-fetch-site": "same-origin" } },
      ];
      for (const { path, more } of requests) {
        const answer = await fetch(`${chain.origin}${prefix}${path}`, { headers: { cookie, ...more } });
        expect(await answer.text(), path).toBe("upstream 200");
        expect(answer.headers.get(name), path).toBeNull();
      }
    },
  );

  it("leaves one cookie, for this server's path alone", async () => {
    const { setCookies } = await chain.signIn("alice");
    const kept = setCookies
      .map((line) => line.split("; "))
      .filter(([pair]) => pair?.startsWith(`${chain.cookieName}=`));
    expect(kept).toEqual([expect.arrayContaining([`Path=${prefix}/`, "HttpOnly", "Secure", "SameSite=Lax"])]);
    expect(kept.flat().filter((attribute) => attribute.startsWith("Domain"))).toEqual([]);
  });

  it("opens the API and WebSockets", async () => {
    const { cookie } = await chain.signIn("alice");
    const answer = await fetch(`${chain.origin}${prefix}/api/contents`, { headers: { cookie } });
    expect([answer.status, await answer.text()]).toEqual([200, "upstream 200"]);
    const tunnel = await openTunnel(chain, cookie, `${prefix}/api/kernels/1/channels`);
    expect(tunnel.status).toBe(101);
    tunnel.socket.destroy();
  });

  it("is possible when the pod says that it is ready", async () => {
    const { status } = await fetch(`http://127.0.0.1:${chain.ports.probe}/ready`);
    expect(status).toBe(200);
    expect(chain.upstream.arrivals.map(({ url }) => url)).toEqual([`${prefix}/api`]);
  });
});
