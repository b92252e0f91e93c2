import type { JupyterServer } from "@amalthea/api";
import { describe, expect, it } from "vitest";
import { RouteIndex } from "./route-index.ts";

function aServer(name: string, route: { host?: string; path?: string; created?: number; uid?: string }): JupyterServer {
  const { host = "hub.example.org", path = "/a", created = 0, uid = name } = route;
  return {
    metadata: { name, namespace: "ns", uid, creationTimestamp: `2026-01-01T00:00:0${created}Z` },
    spec: { routing: { host, path, ingressAnnotations: {}, tls: { enabled: false } } },
  } as unknown as JupyterServer; // what a route follows from
}

function indexOf(...servers: readonly JupyterServer[]): RouteIndex {
  const index = new RouteIndex();
  for (const server of servers) index.update(`ns/${server.metadata.name}`, server);
  return index;
}

describe("RouteIndex", () => {
  it.each([
    { other: "the same path", a: { path: "/a" }, b: { path: "/a" }, taken: true },
    { other: "the path with slashes", a: { path: "/a" }, b: { path: "a//" }, taken: true },
    { other: "the host in capitals", a: { host: "hub.example.org" }, b: { host: "HUB.example.org" }, taken: true },
    { other: "a path below", a: { path: "/a" }, b: { path: "/a/b" }, taken: false },
    { other: "a path that begins alike", a: { path: "/a" }, b: { path: "/ab" }, taken: false },
    { other: "another host", a: { host: "one.example.org" }, b: { host: "two.example.org" }, taken: false },
    { other: "no host", a: { host: "" }, b: { host: "" }, taken: false },
  ])("of two servers, the younger with $other → taken: $taken", ({ a, b, taken }) => {
    const [older, younger] = [aServer("older", { ...a, created: 1 }), aServer("younger", { ...b, created: 2 })];
    const index = indexOf(younger, older);
    expect(index.holderBefore(younger)).toBe(taken ? "ns/older" : undefined);
    expect(index.holderBefore(older)).toBeUndefined();
  });

  it("prefers the smaller uid among servers of the same second", () => {
    const [first, second] = [aServer("first", { uid: "1" }), aServer("second", { uid: "2" })];
    expect(indexOf(first, second).holderBefore(second)).toBe("ns/first");
    expect(indexOf(first, second).holderBefore(first)).toBeUndefined();
  });

  it("names the servers that gain a route when the one before them leaves it", () => {
    const [older, younger] = [aServer("older", { created: 1 }), aServer("younger", { created: 2 })];
    const index = indexOf(older, younger);
    expect(index.update("ns/older", aServer("older", { created: 1, path: "/elsewhere" }))).toEqual(["ns/younger"]);
    expect(index.holderBefore(younger)).toBeUndefined();
    expect(index.update("ns/older", undefined)).toEqual([]);
  });

  it("wakes nobody when a server changes in anything but its route", () => {
    const [older, younger] = [aServer("older", { created: 1 }), aServer("younger", { created: 2 })];
    expect(indexOf(older, younger).update("ns/older", aServer("older", { created: 1 }))).toEqual([]);
  });
});
