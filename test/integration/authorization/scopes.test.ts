import { describe, expect, it, onTestFinished } from "vitest";
import { startChain, type ChainOptions } from "./chain.ts";

const accounts = { alice: { email: "alice@example.org", email_verified: true, groups: ["lab-a"] } };
const criteria = { authorizedGroups: ["lab-a"] };

/** The scopes with which a browser is sent to the provider, and what becomes of a sign-in. */
async function signInAt(options: Partial<ChainOptions>) {
  const chain = await startChain({ basePath: "/sessions/a", accounts, criteria, ...options });
  onTestFinished(() => chain.close());
  const start = await fetch(`${chain.origin}/sessions/a/oauth2/start`, { redirect: "manual" });
  const asked = new URL(start.headers.get("location") ?? "").searchParams.get("scope");
  return { chain, asked, login: await chain.signIn("alice", "/sessions/a/lab?reset") };
}

describe("the scopes of a login", () => {
  it("have groups where the provider has such a scope", async () => {
    const { asked, login } = await signInAt({});
    expect([asked, login.status]).toEqual(["openid email profile groups", 200]);
  });

  it("have none where the provider does not advertise it, as with Keycloak as it comes", async () => {
    const provider = { hasNoGroupsScope: true, clientScope: "openid email profile" };
    const { asked, login } = await signInAt({ provider });
    expect([asked, login.status]).toEqual(["openid email profile", 200]);
  });

  it("go without groups when the provider advertises more than it lets this client have", async () => {
    const { chain, asked, login } = await signInAt({
      provider: { clientScope: "openid email profile" },
      criteria: { userId: "alice" },
      env: { AMALTHEA_OPTIONAL_SCOPES: "email profile groups" },
      loginArgs: ["--scope=openid email profile groups"],
    });
    expect(asked).toBe("openid email profile groups");
    expect(login).toMatchObject({ status: 200, url: `${chain.origin}/sessions/a/lab?reset` });
  });

  it("that somebody has set are asked for as they are, and a refusal names the field", async () => {
    const scopes = ["openid", "groups"];
    const { asked, login } = await signInAt({
      provider: { clientScope: "openid email profile" },
      criteria: { ...criteria, scopes },
    });
    expect(asked).toBe("openid groups");
    expect(login).toMatchObject({ status: 500, body: expect.stringContaining("spec.auth.oidc.scopes") as string });
  });

  it("refused for good end on a page that names the field, and nowhere near oauth2-proxy", async () => {
    const { login } = await signInAt({
      provider: { clientScope: "openid" },
      env: { AMALTHEA_OPTIONAL_SCOPES: "email profile" },
      loginArgs: ["--scope=openid email groups"],
    });
    expect(login).toMatchObject({ status: 500, body: expect.stringContaining("spec.auth.oidc.scopes") as string });
    expect(login.body).not.toMatch(/OAuth2 Proxy/i);
  });
});
