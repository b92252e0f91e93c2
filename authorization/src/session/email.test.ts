import { describe, expect, it } from "vitest";
import { areComplete, claimsOf, emailOf, withUserInfo, type EmailVerification } from "./email.ts";

const address = "alice@example.org";
const counts = { email: address };
const doesNot = { email: "", unverifiedEmail: address };

describe("emailOf", () => {
  const verified = { email: address, email_verified: true };
  const table: readonly [string, object, Readonly<Record<EmailVerification, object>>][] = [
    ["verified", verified, { Required: counts, UnlessFalse: counts, Ignored: counts }],
    [
      "verified, as a string",
      { ...verified, email_verified: "true" },
      { Required: counts, UnlessFalse: counts, Ignored: counts },
    ],
    [
      "not verified",
      { ...verified, email_verified: false },
      { Required: doesNot, UnlessFalse: doesNot, Ignored: counts },
    ],
    [
      "not verified, as a string",
      { ...verified, email_verified: "false" },
      { Required: doesNot, UnlessFalse: doesNot, Ignored: counts },
    ],
    ["of unknown standing", { email: address }, { Required: doesNot, UnlessFalse: counts, Ignored: counts }],
  ];
  it.each(
    table.flatMap(([what, claims, expected]) =>
      Object.entries(expected).map(([verification, email]) => ({ what, claims, verification, email })),
    ),
  )("an address that is $what, with verification $verification: $email", ({ claims, verification, email }) => {
    const settings = { claim: "email", verification: verification as EmailVerification };
    expect(emailOf(claims as Record<string, unknown>, settings)).toEqual(email);
  });

  it("does not take another claim for verified because the address is", () => {
    const claims = { email: "mallory@example.org", email_verified: true, upn: address };
    expect(emailOf(claims, { claim: "upn", verification: "Required" })).toEqual(doesNot);
    expect(emailOf({ ...claims, upn: "mallory@example.org" }, { claim: "upn", verification: "Required" })).toEqual({
      email: "mallory@example.org",
    });
    expect(emailOf(claims, { claim: "upn", verification: "UnlessFalse" })).toEqual(counts);
  });

  it.each([{}, { email: "" }, { email: 7 }, { email: [address] }])("finds none in %j", (claims) => {
    expect(emailOf(claims, { claim: "email", verification: "Ignored" })).toEqual({ email: "" });
  });

  it("finds a claim within others", () => {
    expect(emailOf({ a: { b: address } }, { claim: "a.b", verification: "Ignored" })).toEqual(counts);
  });
});

describe("withUserInfo", () => {
  const idToken = { email: address };
  const other = "mallory@example.org";
  it.each([
    { says: "that this address is verified", userInfo: { email: address, email_verified: true }, email: counts },
    { says: "that another is", userInfo: { email: other, email_verified: true }, email: { email: other } },
    { says: "that it is not", userInfo: { email: address, email_verified: false }, email: doesNot },
    { says: "that one is, and not which", userInfo: { email_verified: true }, email: doesNot },
    { says: "another, and not if it is", userInfo: { email: other }, email: doesNot },
  ])("an address of the ID token, of which UserInfo says $says: $email", ({ userInfo, email }) => {
    expect(emailOf(withUserInfo(idToken, userInfo), { claim: "email", verification: "Required" })).toEqual(email);
  });

  it("keeps the ID token's address where it says of it that it is verified, or UserInfo has none", () => {
    const verified = { email: address, email_verified: true };
    expect(withUserInfo(verified, { email: other, email_verified: false, upn: "x" })).toEqual({
      ...verified,
      upn: "x",
    });
    expect(withUserInfo(verified, {})).toEqual(verified);
  });

  it("takes both from UserInfo where the ID token has no address", () => {
    const userInfo = { email: address, email_verified: false };
    expect(withUserInfo({ email_verified: true }, userInfo)).toEqual(userInfo);
  });

  it("does not take another claim for verified because a newer address is", () => {
    const claims = withUserInfo({ upn: address, email: address }, { email: other, email_verified: true });
    expect(emailOf(claims, { claim: "upn", verification: "Required" })).toEqual(doesNot);
  });
});

describe("areComplete", () => {
  it.each([
    { claims: { email: address, email_verified: false }, complete: true },
    { claims: { email: address }, complete: false },
    { claims: { email_verified: true }, complete: false },
  ])("$claims: $complete", ({ claims, complete }) => {
    expect(areComplete(claims, { claim: "email", verification: "Required" })).toBe(complete);
  });
});

describe("claimsOf", () => {
  it.each(["", "a", "a.b.c", `a.${Buffer.from("[1]").toString("base64url")}.c`])("has nothing in %j", (token) => {
    expect(claimsOf(token)).toEqual({});
  });
});
