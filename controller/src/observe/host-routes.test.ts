import { describe, expect, it } from "vitest";
import { type Claim, HostRoutes, type PathClaims } from "./host-routes.ts";

const MANY = 5_000;

function aClaim(path: string, owner = `owner of ${path}`): Claim {
  return { owner, namespace: "ns", host: "h", path, by: "Spec", age: owner, isRefused: false };
}

/** A host of thousands of servers, each below the path of its namespace. */
function aHost(...more: readonly string[]): HostRoutes {
  const routes = new HostRoutes();
  const paths = Array.from({ length: MANY }, (_, at) => `/sessions/n${at % 50}/s${at}`);
  for (const path of [...paths, ...more]) routes.add(aClaim(path));
  return routes;
}

/** The paths that are looked at for an answer. */
function pathsOf(found: Iterable<PathClaims>): readonly string[] {
  return [...found].flatMap(({ asked }) => [...asked].map(({ path }) => path));
}

describe("HostRoutes", () => {
  it("looks, for what lies around a path, at no more than the path has segments, however many servers there are", () => {
    const around = aHost("/", "/sessions").around("/sessions/n1/s1/lab");
    expect(pathsOf(around)).toEqual(["/", "/sessions", "/sessions/n1/s1"]);
    expect(pathsOf(aHost().around("/sessions/n1/s1"))).toEqual(["/sessions/n1/s1"]);
    expect(pathsOf(aHost("/").around("/"))).toEqual(["/"]);
    expect(pathsOf(aHost().around("/other"))).toEqual([]);
  });

  it("looks, for what lies within a path, at what does and at nothing else", () => {
    const routes = aHost("/sessions/n1/s1/lab", "/sessions/n1/s10", "/sessions/n1/s1-2", "/sessions/n1/s1/a/b");
    expect(pathsOf(routes.within("/sessions/n1/s1"))).toEqual(["/sessions/n1/s1/a/b", "/sessions/n1/s1/lab"]);
    expect(pathsOf(routes.within("/sessions/n1/s10"))).toEqual([]);
    expect(pathsOf(routes.within("/sessions/n7"))).toHaveLength(MANY / 50);
    expect(pathsOf(routes.within("/"))).toHaveLength(MANY + 4);
  });

  it("finds the same on a host of few servers", () => {
    const routes = new HostRoutes();
    for (const path of ["/", "/a", "/a/b", "/ab", "/a/b/c"]) routes.add(aClaim(path));
    expect(pathsOf(routes.around("/a/b"))).toEqual(["/", "/a", "/a/b"]);
    expect(pathsOf(routes.within("/a"))).toEqual(["/a/b", "/a/b/c"]);
  });

  it("forgets a path when its last claim goes", () => {
    const routes = new HostRoutes();
    const claims = [aClaim("/a", "1"), aClaim("/a", "2"), aClaim("/b", "3")];
    for (const claim of claims) routes.add(claim);
    for (const claim of claims.slice(0, 2)) routes.drop(claim);
    expect(pathsOf(routes.within("/"))).toEqual(["/b"]);
    for (const claim of claims.slice(2)) routes.drop(claim);
    expect(routes.isEmpty).toBe(true);
  });

  it("knows the oldest of those who ask, also after it has gone", () => {
    const routes = new HostRoutes();
    const [young, old, oldest] = [aClaim("/a", "3"), aClaim("/a", "2"), { ...aClaim("/a", "1"), isRefused: true }];
    for (const claim of [young, oldest, old]) routes.add(claim);
    expect(routes.at("/a").oldestSpec).toBe(oldest);
    routes.drop(oldest);
    expect(routes.at("/a").oldestSpec).toBe(old);
    routes.add(oldest);
    expect(routes.at("/a").oldestSpec).toBe(oldest);
  });
});
