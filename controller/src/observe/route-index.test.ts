import type { JupyterServer } from "@amalthea/api";
import { describe, expect, it } from "vitest";
import { RouteIndex, type ServedRoute } from "./route-index.ts";

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

  const served = (uid: string, path: string, by: "Ingress" | "Pod" = "Ingress"): ServedRoute => ({
    uid,
    host: "HUB.example.org",
    path: `${path}/`,
    by,
  });

  it("leaves a route to the younger server that serves it until it serves it no more", () => {
    const [older, younger] = [
      aServer("older", { created: 1, path: "/b" }),
      aServer("younger", { created: 2, path: "/b" }),
    ];
    const index = indexOf(older, younger);
    index.updateServed("ingress-of-older", served("older", "/a"));
    expect(index.updateServed("ingress-of-younger", served("younger", "/b"))).toEqual(["ns/older"]);
    expect(index.holderBefore(younger)).toBeUndefined();
    expect(index.holderBefore(older)).toBe("ns/younger");
    expect(index.updateServed("ingress-of-younger", undefined)).toEqual(["ns/older", "ns/younger"]);
    expect(index.holderBefore(older)).toBeUndefined();
    expect(index.holderBefore(younger)).toBe("ns/older");
  });

  it("keeps a new server off a route that another one serves until its next start", () => {
    const [moved, fresh] = [aServer("moved", { created: 1, path: "/c" }), aServer("fresh", { created: 2, path: "/b" })];
    const index = indexOf(moved, fresh);
    index.updateServed("ingress", served("moved", "/b"));
    expect(index.holderBefore(fresh)).toBe("ns/moved");
    expect(index.updateServed("ingress", served("moved", "/c"))).toEqual(["ns/fresh"]);
    expect(index.holderBefore(fresh)).toBeUndefined();
  });

  it("leaves a route to the server whose pod was started for it while its Ingress is being recreated", () => {
    const [older, younger] = [aServer("older", { created: 1 }), aServer("younger", { created: 2 })];
    const index = indexOf(older, younger);
    index.updateServed("pod", served("younger", "/a", "Pod"));
    expect(index.holderBefore(younger)).toBeUndefined();
    index.updateServed("ingress", served("older", "/a"));
    expect(index.holderBefore(younger)).toBe("ns/older");
  });

  it("forgets what a server served that is gone", () => {
    const [gone, other] = [aServer("gone", { created: 1 }), aServer("other", { created: 2 })];
    const index = indexOf(gone, other);
    index.updateServed("ingress", served("gone", "/a"));
    expect(index.update("ns/gone", undefined)).toEqual(["ns/other"]);
    expect(index.holderBefore(other)).toBeUndefined();
  });

  it("wakes nobody when a server changes in anything but its route", () => {
    const [older, younger] = [aServer("older", { created: 1 }), aServer("younger", { created: 2 })];
    expect(indexOf(older, younger).update("ns/older", aServer("older", { created: 1 }))).toEqual([]);
  });
});
