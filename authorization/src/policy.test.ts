import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Identity } from "./identity.ts";
import { foldEmail, isRevoked, parsePolicy, refusalOf } from "./policy.ts";

const alice: Identity = { userId: "u-1", email: "Alice@Example.org", groups: ["lab-a", "staff"] };
const refusal = (policy: unknown, identity: Identity): string | undefined =>
  refusalOf(parsePolicy(JSON.stringify(policy)), identity);

describe("refusalOf", () => {
  it.each([
    { policy: {}, who: alice, refused: "NobodyAuthorized" },
    { policy: { userIds: [], emails: [], groups: [] }, who: alice, refused: "NobodyAuthorized" },
    { policy: { allowAnyUser: false }, who: alice, refused: "NobodyAuthorized" },
    { policy: { allowAnyUser: true }, who: alice, refused: undefined },
    { policy: { allowAnyUser: true }, who: { ...alice, userId: "" }, refused: "NobodyAuthorized" },
    { policy: { userIds: ["u-1"] }, who: alice, refused: undefined },
    { policy: { userIds: ["u-2", "u-1"] }, who: alice, refused: undefined },
    { policy: { userIds: ["U-1"] }, who: alice, refused: "UserIdNotAuthorized" },
    { policy: { userIds: ["u-1 "] }, who: alice, refused: "UserIdNotAuthorized" },
    { policy: { userIds: ["u"] }, who: alice, refused: "UserIdNotAuthorized" },
    { policy: { emails: ["aLICE@eXAMPLE.ORG"] }, who: alice, refused: undefined },
    { policy: { emails: ["example.org"] }, who: alice, refused: "EmailNotAuthorized" },
    { policy: { emails: ["@example.org"] }, who: alice, refused: "EmailNotAuthorized" },
    { policy: { emails: ["alice@example.org"] }, who: { ...alice, email: "" }, refused: "EmailNotAuthorized" },
    {
      policy: { emails: ["a@b@example.org"] },
      who: { ...alice, email: "a@b@example.org" },
      refused: "EmailNotAuthorized",
    },
    {
      policy: { emails: ["k@example.org"] },
      who: { ...alice, email: "\u212A@example.org" },
      refused: "EmailNotAuthorized",
    },
    {
      policy: { emails: ["alice@example.org"] },
      who: { ...alice, email: "", unverifiedEmail: "Alice@example.org" },
      refused: "EmailNotVerified",
    },
    {
      policy: { emails: ["bob@example.org"] },
      who: { ...alice, email: "", unverifiedEmail: "alice@example.org" },
      refused: "EmailNotAuthorized",
    },
    { policy: { groups: ["lab-a"] }, who: alice, refused: undefined },
    { policy: { groups: ["Lab-A"] }, who: alice, refused: "GroupNotAuthorized" },
    { policy: { groups: ["lab-a"] }, who: { ...alice, groups: ["a,lab-a"] }, refused: "GroupNotAuthorized" },
    { policy: { groups: ["a,lab-a"] }, who: { ...alice, groups: ["a", "lab-a"] }, refused: "GroupNotAuthorized" },
    { policy: { groups: ["a,lab-a"] }, who: { ...alice, groups: ["a,lab-a"] }, refused: undefined },
    { policy: { groups: ["lab-a"] }, who: { ...alice, groups: [] }, refused: "GroupNotAuthorized" },
    { policy: { emails: ["alice@example.org"], groups: ["lab-b"] }, who: alice, refused: "GroupNotAuthorized" },
    { policy: { emails: ["bob@example.org"], groups: ["lab-a"] }, who: alice, refused: "EmailNotAuthorized" },
    { policy: { userIds: ["u-1"], emails: ["alice@example.org"], groups: ["lab-a"] }, who: alice, refused: undefined },
    { policy: { userIds: ["u-1"], emails: ["not an address"] }, who: alice, refused: "EmailNotAuthorized" },
  ])("$policy and $who.email in $who.groups → $refused", ({ policy, who, refused }) => {
    expect(refusal(policy, who)).toBe(refused);
  });

  it("a group is only ever matched whole, whatever commas are in it", () => {
    const group = fc.string({ unit: fc.constantFrom("a", "b", ","), minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(fc.array(group, { minLength: 1 }), fc.array(group), (listed, groups) => {
        const isMember = groups.some((name) => listed.includes(name));
        expect(refusal({ groups: listed }, { ...alice, groups })).toBe(isMember ? undefined : "GroupNotAuthorized");
      }),
    );
  });

  it("an e-mail address only matches itself, but for the case of ASCII letters", () => {
    const text = fc.string({
      unit: fc.constantFrom("a", "A", "@", ".", " ", "k", "\u212A", "ſ", "İ", "\0"),
      maxLength: 6,
    });
    fc.assert(
      fc.property(text, text, (listed, claimed) => {
        fc.pre(listed !== "");
        const isLetIn = refusal({ emails: [listed] }, { ...alice, email: claimed }) === undefined;
        const fold = (email: string): string => email.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
        if (isLetIn) expect(fold(claimed)).toBe(fold(listed));
        if (isLetIn) expect(claimed.split("@")).toHaveLength(2);
      }),
    );
  });
});

describe("parsePolicy", () => {
  it.each([
    { text: "", problem: "it is not JSON" },
    { text: "{", problem: "it is not JSON" },
    { text: "null", problem: "it is not an object" },
    { text: "[]", problem: "it is not an object" },
    { text: '"allowAnyUser"', problem: "it is not an object" },
    { text: '{"email":["a@b"]}', problem: "unknown keys: email" },
    { text: '{"__proto__":{"allowAnyUser":true}}', problem: "unknown keys: __proto__" },
    { text: '{"emails":"a@b"}', problem: "userIds, emails and groups have to be lists of strings that are not empty" },
    { text: '{"groups":null}', problem: "userIds, emails and groups have to be lists of strings that are not empty" },
    { text: '{"groups":[""]}', problem: "userIds, emails and groups have to be lists of strings that are not empty" },
    { text: '{"userIds":[1]}', problem: "userIds, emails and groups have to be lists of strings that are not empty" },
    { text: '{"allowAnyUser":"true"}', problem: "allowAnyUser has to be true or false" },
    { text: '{"allowAnyUser":true,"emails":["a@b"]}', problem: "allowAnyUser is combined with a list" },
  ])("$text is broken: $problem", ({ text, problem }) => {
    const policy = parsePolicy(text);
    expect(policy).toEqual({ kind: "Broken", problem });
    expect(refusalOf(policy, alice)).toBe("PolicyBroken");
  });
});

describe("foldEmail", () => {
  it.each([
    { email: "a@b", folded: "a@b" },
    { email: "A.B+C@D.E", folded: "a.b+c@d.e" },
    { email: "ä@B", folded: "ä@b" },
    { email: "a", folded: undefined },
    { email: "@b", folded: undefined },
    { email: "a@", folded: undefined },
    { email: "a@b@c", folded: undefined },
    { email: " a@b", folded: undefined },
    { email: "a@b\n", folded: undefined },
    { email: "a\u00a0@b", folded: undefined },
    { email: "a\0@b", folded: undefined },
  ])("$email → $folded", ({ email, folded }) => {
    expect(foldEmail(email)).toBe(folded);
  });
});

describe("isRevoked", () => {
  const noon = Date.parse("2026-01-31T12:00:00Z");
  const policy = parsePolicy('{"allowAnyUser":true,"sessionsNotBefore":"2026-01-31T12:00:00Z"}');

  it.each([
    { issuedAt: noon - 1, now: noon, revoked: true },
    { issuedAt: noon, now: noon, revoked: false },
    { issuedAt: noon - 1, now: noon - 1, revoked: false },
  ])("what was issued at $issuedAt, at $now: $revoked", ({ issuedAt, now, revoked }) => {
    expect(isRevoked(issuedAt, policy, now)).toBe(revoked);
  });

  it("is nothing without a time", () => {
    expect(isRevoked(0, parsePolicy("{}"), noon)).toBe(false);
  });

  it.each(['"soon"', '"2026-13-31T12:00:00Z"', "1", "null", '"2026-01-31"'])("%s is no time", (time) => {
    expect(parsePolicy(`{"sessionsNotBefore":${time}}`).kind).toBe("Broken");
  });
});
