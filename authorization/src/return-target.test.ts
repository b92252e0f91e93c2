import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { returnTarget } from "./return-target.ts";

describe("returnTarget", () => {
  it.each([
    { wanted: "/s/a/", target: "/s/a/" },
    { wanted: "/s/a", target: "/s/a" },
    { wanted: "/s/a/lab/tree/a%20b?reset&q=%2Fz%20y", target: "/s/a/lab/tree/a%20b?reset&q=%2Fz%20y" },
    { wanted: "/s/a/lab?url=https://x.example/y", target: "/s/a/lab?url=https:%2F%2Fx.example%2Fy" },
    { wanted: "/s/a/lab?", target: "/s/a/lab?" },
    { wanted: "/s/a/lab#cell", target: "/s/a/lab" },
    { wanted: "/s/a/oauth2x", target: "/s/a/oauth2x" },
  ])("$wanted → $target", ({ wanted, target }) => {
    expect(returnTarget(wanted, "/s/a")).toBe(target);
  });

  it.each([
    "",
    "/",
    "/s/ab",
    "/s/b/",
    "/s/a/../b",
    "/s/a/%2e%2e/b",
    "/s/a/.%2e/b",
    "/s/a/..%2fb",
    "/s/a//x",
    "/s/a\\..\\b",
    "/s/a/\tb",
    "/s/a/b\r\nSet-Cookie: x",
    "//x.example/s/a/",
    "/\\x.example",
    "https://x.example/s/a/",
    "javascript:alert(1)",
    "s/a/",
    "/s/a/%zz",
    "/s/a/oauth2/sign_out",
    "/s/a/%6fauth2/start",
    `/s/a/${"x".repeat(2_048)}`,
  ])("%j → the server's own address", (wanted) => {
    expect(returnTarget(wanted, "/s/a")).toBe("/s/a/");
  });

  it("at the root every path of the host but the login's will do", () => {
    expect(["/", "/x?y", "/oauth2/start", "//x.example"].map((wanted) => returnTarget(wanted, "/"))).toEqual([
      "/",
      "/x?y",
      "/",
      "/",
    ]);
  });

  it("whatever is wanted, a browser stays at this server", () => {
    const unit = fc.constantFrom(
      "/",
      "\\",
      ".",
      "..",
      "%2e",
      "%2f",
      "%5c",
      "s",
      "a",
      "?",
      "#",
      ":",
      "@",
      "\t",
      "x.example",
      "//",
    );
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 10 }), fc.constantFrom("", "/s/a", "/s/a/"), (end, start) => {
        const { origin, pathname } = new URL(returnTarget(start + end, "/s/a"), "https://own.example/");
        expect(origin).toBe("https://own.example");
        expect(pathname).toMatch(/^\/s\/a(\/|$)/);
      }),
    );
  });
});
