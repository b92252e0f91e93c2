import { describe, expect, it } from "vitest";
import { bearerToken } from "./scheme.ts";

describe("bearerToken", () => {
  it.each([
    "Bearer a.b.c",
    "bearer a.b.c",
    "BEARER   a.b.c",
    "token a.b.c", // what the clients of Jupyter send
    "Token a.b.c",
  ])("reads %j", (authorization) => {
    expect(bearerToken(authorization)).toBe("a.b.c");
  });

  it.each([
    "Bearer",
    "Bearer ",
    "Bearer\ta.b.c",
    "Bearer a.b",
    "Bearer a.b.c.d.e",
    "Bearer a.b.c x",
    "Bearer a.b.c, Bearer d.e.f",
    "Bearer a.b.c=",
    `Bearer a.${"b".repeat(16_384)}.c`,
  ])("takes %j for a token that opens nothing", (authorization) => {
    expect(bearerToken(authorization)).toBe("");
  });

  it.each(["", "Basic YTpi", "Bearers a.b.c", "a.b.c", "Negotiate Bearer a.b.c"])(
    "leaves %j to the session",
    (authorization) => {
      expect(bearerToken(authorization)).toBeUndefined();
    },
  );
});
