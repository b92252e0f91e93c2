import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Routing } from "./jupyter-server.ts";
import { isPathWithin, normalizePath, routeOf } from "./route.ts";

function aServer(routing: Partial<Routing>): { readonly spec: { readonly routing: Routing } } {
  return { spec: { routing: { path: "/", ingressAnnotations: {}, tls: { enabled: false }, ...routing } } };
}

describe("normalizePath", () => {
  it.each([
    ["/", "/"],
    ["", "/"],
    ["a", "/a"],
    ["/a/b/", "/a/b"],
    ["//a//b//", "/a/b"],
  ])("turns %j into %j", (path, expected) => {
    expect(normalizePath(path)).toBe(expected);
  });

  it("changes nothing the second time", () => {
    fc.assert(
      fc.property(fc.string(), (path) => {
        expect(normalizePath(normalizePath(path))).toBe(normalizePath(path));
      }),
    );
  });
});

describe("isPathWithin", () => {
  it.each([
    ["/a/b", "/a", true],
    ["/a", "/a", true],
    ["/a/", "/a", true],
    ["/ab", "/a", false],
    ["/a", "/a/b", false],
    ["/a", "/", true],
  ])("says of %j below %j: %j", (path, prefix, expected) => {
    expect(isPathWithin(path, prefix)).toBe(expected);
  });
});

describe("routeOf", () => {
  it("gives the root no slash at its end", () => {
    expect(routeOf(aServer({ host: "hub.example.org" }))).toEqual({
      host: "hub.example.org",
      path: "/",
      tls: false,
      scheme: "http",
      origin: "http://hub.example.org",
      url: "http://hub.example.org",
    });
  });

  it("joins host and path by exactly one slash, with https if the Ingress ends TLS", () => {
    const route = routeOf(aServer({ host: "hub.example.org", path: "//a/b/", tls: { enabled: true } }));
    expect(route?.url).toBe("https://hub.example.org/a/b");
  });

  it("tells people the external address and keeps the host of the Ingress", () => {
    const externalUrl = "https://hub.example.org:8443/";
    const route = routeOf(aServer({ host: "hub.internal", path: "/a", externalUrl }));
    expect(route).toMatchObject({
      host: "hub.internal",
      tls: false,
      scheme: "https",
      url: "https://hub.example.org:8443/a",
    });
  });

  it.each([
    ["https://Hub.Example.org", "https://hub.example.org"],
    ["HTTPS://hub.example.org:443/", "https://hub.example.org"],
    ["http://hub.example.org:80", "http://hub.example.org"],
    ["http://hub.example.org:443", "http://hub.example.org:443"],
    ["https://hub.example.org:4430", "https://hub.example.org:4430"],
    ["https://443", "https://443"],
  ])("writes the external address %s as browsers do: %s", (externalUrl, origin) => {
    expect(routeOf(aServer({ host: "h", externalUrl }))?.origin).toBe(origin);
  });

  it.each([{}, { host: "" }])("knows none without a host: %j", (routing) => {
    expect(routeOf(aServer(routing))).toBeUndefined();
  });
});
