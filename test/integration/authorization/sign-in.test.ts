import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { prefixOf } from "@amalthea/api";
import { startChain, type Chain } from "./chain.ts";
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
