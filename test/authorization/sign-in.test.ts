import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startChain, type Chain } from "./chain.ts";

const accounts = {
  alice: { email: "alice@example.org", email_verified: true, groups: ["lab-a"] },
  bob: { email: "bob@example.org", email_verified: true, groups: ["a,lab-a"] },
};

describe.each(["/", "/sessions/a"])("signing in to a server at %s", (basePath) => {
  let chain: Chain;
  const prefix = basePath === "/" ? "" : basePath;

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
});
