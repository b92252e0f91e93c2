import { describe, expect, it } from "vitest";
import { aServer } from "../../testing/builders.ts";
import { bearerEnvironment, takeBearerArgs, type LoginOptions } from "./bearer.ts";

const login: LoginOptions = { issuerUrl: "https://a.example" };
const SKIP = "--skip-jwt-bearer-tokens";
const OTHER = "--scope=openid";

describe("takeBearerArgs", () => {
  it.each([
    { patched: "nothing", args: [], enabled: false, audiences: [] },
    { patched: "an audience of the login alone", args: ["--oidc-extra-audience=x"], enabled: false, audiences: [] },
    { patched: "tokens", args: [SKIP], enabled: true, audiences: [] },
    { patched: "no tokens in the end", args: [SKIP, `${SKIP}=false`], enabled: false, audiences: [] },
    { patched: "tokens in the end", args: [`${SKIP}=false`, SKIP], enabled: true, audiences: [] },
    { patched: "what is no answer", args: [SKIP, `${SKIP}=perhaps`], enabled: false, audiences: [] },
    { patched: "both", args: [`${SKIP}=true`, "--oidc-extra-audience=x,y"], enabled: true, audiences: ["x", "y"] },
    {
      patched: "the login's provider as one more",
      args: [SKIP, "--extra-jwt-issuers=https://a.example=z"],
      enabled: true,
      audiences: ["z"],
    },
  ])("a patch of $patched: tokens $enabled, for $audiences", ({ args, enabled, audiences }) => {
    expect(takeBearerArgs([OTHER, ...args], login).bearer).toEqual({
      enabled,
      audiences,
      groupsClaim: undefined,
      ignored: [],
    });
  });

  it("leaves oauth2-proxy without them, so that it takes no token for a session and no other audience in a login", () => {
    const args = [OTHER, SKIP, "--oidc-extra-audience=x", "--extra-jwt-issuers=https://a.example=z"];
    expect(takeBearerArgs(args, login).args).toEqual([OTHER]);
  });

  it("leaves oauth2-proxy the audiences that the spec names for the login, and all where no token is accepted", () => {
    const args = [OTHER, "--oidc-extra-audience=x", "--oidc-extra-audience=y"];
    expect(takeBearerArgs(args, login).args).toEqual(args);
    const withTokens = takeBearerArgs([...args, SKIP], { ...login, extraAudiences: ["x"] });
    expect(withTokens.args).toEqual([OTHER, "--oidc-extra-audience=x"]);
  });

  it("names the providers whose tokens are not accepted", () => {
    const { bearer } = takeBearerArgs([SKIP, "--extra-jwt-issuers=https://b.example=x"], login);
    expect(bearer).toMatchObject({
      enabled: true,
      audiences: [],
      ignored: ["--extra-jwt-issuers=https://b.example=x"],
    });
  });
});

describe("bearerEnvironment", () => {
  const none = { enabled: false, audiences: [], groupsClaim: undefined, ignored: [] };
  const oidc = (fields: object): Parameters<typeof bearerEnvironment>[0] =>
    aServer({ oidc: { enabled: true, issuerUrl: "https://a.example", clientId: "jupyter", ...fields } }).spec.auth.oidc;

  it("is empty unless tokens are enabled", () => {
    expect(bearerEnvironment(oidc({}), none)).toEqual({});
    expect(bearerEnvironment(oidc({ bearer: { enabled: false, audiences: ["x"] } }), none)).toEqual({});
  });

  it("has the audiences of the spec, and not the login's client", () => {
    const { AMALTHEA_BEARER = "" } = bearerEnvironment(oidc({ bearer: { enabled: true, audiences: ["x"] } }), none);
    expect(JSON.parse(AMALTHEA_BEARER)).toEqual({
      issuerUrl: "https://a.example",
      audiences: ["x"],
      groupsClaim: "groups",
    });
  });

  it("has the client and the patched audience for a client of 0.24", () => {
    const patched = { ...none, enabled: true, audiences: ["x"] };
    const { AMALTHEA_BEARER = "" } = bearerEnvironment(oidc({}), patched);
    expect(JSON.parse(AMALTHEA_BEARER)).toMatchObject({ audiences: ["jupyter", "x"] });
  });

  it("reads groups where patches make the login read them", () => {
    const args = ["--oidc-groups-claim=a", "--oidc-groups-claim=roles", SKIP];
    const { AMALTHEA_BEARER = "" } = bearerEnvironment(oidc({}), takeBearerArgs(args, login).bearer);
    expect(JSON.parse(AMALTHEA_BEARER)).toMatchObject({ groupsClaim: "roles" });
  });
});
