import { describe, expect, it } from "vitest";
import { scopesToAskFor } from "./scopes.ts";

const optional = ["email", "profile", "groups"];
const all = "openid email profile groups";

describe("scopesToAskFor", () => {
  it.each([
    { provider: "tells no scopes", supported: undefined, refusals: 0, asked: all },
    { provider: "has them all", supported: ["openid", "email", "profile", "groups", "x"], refusals: 0, asked: all },
    {
      provider: "has no groups",
      supported: ["openid", "email", "profile", "roles"],
      refusals: 0,
      asked: "openid email profile",
    },
    { provider: "has openid alone", supported: ["openid"], refusals: 0, asked: "openid" },
    { provider: "does not list openid, which it must have", supported: ["email"], refusals: 0, asked: "openid email" },
    { provider: "has refused once", supported: undefined, refusals: 1, asked: "openid email profile" },
    { provider: "has refused twice", supported: ["openid", "email"], refusals: 2, asked: "openid" },
  ])("of a provider that $provider asks for $asked", ({ supported, refusals, asked }) => {
    expect(scopesToAskFor(all, optional, supported, refusals)).toBe(asked);
  });

  it("asks for what somebody has set, whatever the provider says", () => {
    expect(scopesToAskFor("openid teams", [], ["openid"], 2)).toBe("openid teams");
  });
});
