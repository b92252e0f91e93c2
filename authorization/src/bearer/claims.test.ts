import { describe, expect, it } from "vitest";
import { identityOf, type ClaimNames } from "./claims.ts";

const names: ClaimNames = { groupsClaim: "groups", email: { claim: "email", verification: "Required" } };

describe("identityOf", () => {
  it("has the names that the login has", () => {
    const claims = { sub: "1", email: "a@x", email_verified: true, groups: ["g"], preferred_username: "alice" };
    expect(identityOf(claims, names)).toEqual({ userId: "1", email: "a@x", groups: ["g"], name: "alice" });
  });

  it("has an address only if it counts, as in a login", () => {
    expect(identityOf({ sub: "1", email: "a@x" }, names)).toMatchObject({ email: "", unverifiedEmail: "a@x" });
    expect(identityOf({ sub: "1" }, names)?.email).toBe("");
    const ignoring: ClaimNames = { ...names, email: { claim: "upn", verification: "Ignored" } };
    expect(identityOf({ sub: "1", upn: "a@x" }, ignoring)?.email).toBe("a@x");
  });

  it.each([
    { claim: "groups", claims: { groups: ["a", "b,c"] }, groups: ["a", "b,c"] },
    { claim: "groups", claims: { groups: "a" }, groups: ["a"] },
    { claim: "groups", claims: { groups: [1, null, {}, ["a"], ""] }, groups: [] },
    { claim: "groups", claims: {}, groups: [] },
    { claim: "realm_access.roles", claims: { realm_access: { roles: ["a"] } }, groups: ["a"] },
    {
      claim: "realm_access.roles",
      claims: { "realm_access.roles": ["b"], realm_access: { roles: ["a"] } },
      groups: ["b"],
    },
    { claim: "a.constructor.name", claims: { a: {} }, groups: [] },
    { claim: "__proto__.x", claims: {}, groups: [] },
  ])("groups in $claim of $claims are $groups", ({ claim, claims, groups }) => {
    expect(identityOf({ sub: "1", ...claims }, { ...names, groupsClaim: claim })?.groups).toEqual(groups);
  });

  it.each([{}, { sub: "" }, { sub: 1 as never }])("%j names nobody", (claims) => {
    expect(identityOf(claims, names)).toBeUndefined();
  });
});
