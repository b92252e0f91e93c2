import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findUpstream, isWithin, pathSegments } from "./request-path.ts";

describe("isWithin", () => {
  it.each([
    { target: "/sessions/a", basePath: "/sessions/a", within: true },
    { target: "/sessions/a/", basePath: "/sessions/a", within: true },
    { target: "/sessions/a?x=/../..", basePath: "/sessions/a", within: true },
    { target: "/sessions/a/files/%2e%2e.txt", basePath: "/sessions/a", within: true },
    { target: "/sessions/%61/lab", basePath: "/sessions/a", within: true },
    { target: "/sessions/ab", basePath: "/sessions/a", within: false },
    { target: "/sessions/a;x/lab", basePath: "/sessions/a", within: false },
    { target: "/sessions/a%2flab", basePath: "/sessions/a", within: false },
    { target: "/sessions/A/lab", basePath: "/sessions/a", within: false },
    { target: "/sessions/a/../b", basePath: "/sessions/a", within: false },
    { target: "/sessions/a/%2e%2E/b", basePath: "/sessions/a", within: false },
    { target: "/sessions/a/./b", basePath: "/sessions/a", within: false },
    { target: "//sessions/a", basePath: "/sessions/a", within: false },
    { target: "/sessions", basePath: "/sessions/a", within: false },
    { target: "sessions/a", basePath: "/sessions/a", within: false },
    { target: "http://evil.example/sessions/a", basePath: "/sessions/a", within: false },
    { target: "/sessions/a/%zz", basePath: "/sessions/a", within: false },
    { target: "/sessions/a/\\..\\..\\b", basePath: "/sessions/a", within: false },
    { target: "/sessions/a/%5C..%5cb", basePath: "/sessions/a", within: false },
    { target: "/sessions/a/%00", basePath: "/sessions/a", within: false },
    { target: "/sessions/a/..%2fb", basePath: "/sessions/a", within: false },
    { target: "/sessions/a/files/x%2F%2e%2e%2Fb", basePath: "/sessions/a", within: false },
    { target: "/sessions/a/files/x%2F..y%2F.z", basePath: "/sessions/a", within: true },
    { target: "/sessions/a/%c0%ae%c0%ae/b", basePath: "/sessions/a", within: false },
    { target: "", basePath: "/", within: false },
    { target: "*", basePath: "/", within: false },
    { target: "/", basePath: "/", within: true },
    { target: "/anything/at%20all", basePath: "/", within: true },
  ])("$target in $basePath: $within", ({ target, basePath, within }) => {
    expect(isWithin(target, basePath)).toBe(within);
  });

  it("never accepts what decodes to a path outside", () => {
    const unit = fc.constantFrom("/", "..", ".", "%2e", "%2f", "%5c", "\\", "sessions", "a", "b", ";", "?", "%", "%25");
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 10 }), (tail) => {
        const target = `/sessions/a${tail}`;
        if (!isWithin(target, "/sessions/a")) return;
        const { pathname } = new URL(target, "http://x");
        expect(pathname === "/sessions/a" || pathname.startsWith("/sessions/a/")).toBe(true);
      }),
    );
  });
});

describe("pathSegments", () => {
  it("decodes each segment once and keeps encoded slashes inside it", () => {
    expect(pathSegments("/a%20b/c%2Fd/%2525?x#y")).toEqual(["", "a b", "c/d", "%25"]);
  });
});

describe("findUpstream", () => {
  const jupyter = { path: "/s/", host: "127.0.0.1", port: 8888 };
  const sidecar = { path: "/s/sidecar/", host: "127.0.0.1", port: 9000 };
  const exact = { path: "/s/one", host: "127.0.0.1", port: 9001 };
  const upstreams = [jupyter, sidecar, exact];

  it.each([
    { target: "/s/api/kernels", upstream: jupyter },
    { target: "/s/sidecar/socket?x", upstream: sidecar },
    { target: "/s/sidecar", upstream: jupyter },
    { target: "/s/sidecars/x", upstream: jupyter },
    { target: "/s/one", upstream: exact },
    { target: "/s/one/more", upstream: jupyter },
    { target: "/s", upstream: undefined },
    { target: "/t/x", upstream: undefined },
    { target: "/s/../t", upstream: undefined },
  ])("$target → $upstream.port", ({ target, upstream }) => {
    expect(findUpstream(target, upstreams)).toEqual(upstream);
  });
});
