import type { JupyterServer } from "@amalthea/api";
import { describe, expect, it } from "vitest";
import { RouteIndex, type ServedRoutes } from "./route-index.ts";

type Options = {
  readonly host?: string;
  readonly path?: string;
  readonly created?: number;
  readonly uid?: string;
  readonly namespace?: string;
  /** Message of its condition Stalled. */
  readonly stalled?: string;
};

const A_CONDITION = { type: "Stalled", status: "True", reason: "RouteTaken", lastTransitionTime: "t" };

function aServer(name: string, route: Options): JupyterServer {
  const { host = "hub.example.org", path = "/a", created = 0, uid = name, namespace = "ns", stalled } = route;
  return {
    metadata: { name, namespace, uid, creationTimestamp: `2026-01-01T00:00:0${created}Z` },
    ...(stalled === undefined ? {} : { status: { conditions: [{ ...A_CONDITION, message: stalled }] } }),
    spec: { routing: { host, path, ingressAnnotations: {}, tls: { enabled: false } } },
  } as unknown as JupyterServer; // what a route follows from
}

function indexOf(...servers: readonly JupyterServer[]): RouteIndex {
  const index = new RouteIndex();
  for (const server of servers) index.update(`${server.metadata.namespace}/${server.metadata.name}`, server);
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

  it("takes in a server whose status somebody else wrote, in whatever form", () => {
    const odd = { ...aServer("odd", {}), status: { conditions: "none" } } as unknown as JupyterServer;
    expect(indexOf(odd).holderBefore(aServer("younger", { created: 1 }))).toBe("ns/odd");
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

  const served = (
    uid: string,
    path: string,
    by: ServedRoutes["by"] = "Ingress",
    namespace: string = "ns",
  ): ServedRoutes => ({
    namespace,
    uid,
    routes: [{ host: "HUB.example.org", path: `${path}/`, isPattern: false }],
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

  it("counts one claim of each kind for a server, and what patches add for less than its own Ingress", () => {
    const [victim, rival] = [aServer("victim", { created: 2 }), aServer("rival", { created: 1, path: "/b" })];
    const index = indexOf(victim, rival);
    index.updateServed("ingress", served("victim", "/a"));
    for (const uid of ["one", "two", "three"]) index.updateServed(uid, served("rival", "/a", "AddedIngress"));
    expect(index.holderBefore(victim)).toBeUndefined();
    index.update("ns/rival", aServer("rival", { created: 1 }));
    expect(index.holderBefore(aServer("rival", { created: 1 }))).toBe("ns/victim");
  });

  describe("with a server in another namespace", () => {
    const alice = aServer("alice", { namespace: "one", path: "/sessions/alice", created: 5 });

    function withAlice(mallory: JupyterServer): RouteIndex {
      const index = indexOf(alice, mallory);
      index.updateServed("alices-ingress", served("alice", "/sessions/alice", "Ingress", "one"));
      return index;
    }

    it.each(["/sessions/alice/lab", "/sessions/alice/a/b", "/sessions", "/"])(
      "leaves no route within hers or around hers to a newcomer: %s",
      (path) => {
        const mallory = aServer("mallory", { namespace: "two", path });
        expect(withAlice(mallory).holderBefore(mallory)).toBe("one/alice");
        const neighbour = aServer("neighbour", { namespace: "one", path });
        expect(withAlice(neighbour).holderBefore(neighbour)).toBeUndefined();
      },
    );

    it.each(["/sessions/alice2", "/sessions/bob", "/other"])("leaves every other route: %s", (path) => {
      const mallory = aServer("mallory", { namespace: "two", path });
      expect(withAlice(mallory).holderBefore(mallory)).toBeUndefined();
    });

    it("leaves nested routes alone that are both served already", () => {
      const mallory = aServer("mallory", { namespace: "two", path: "/sessions" });
      const index = withAlice(mallory);
      index.updateServed("mallorys-ingress", served("mallory", "/sessions", "Ingress", "two"));
      expect(index.holderBefore(mallory)).toBeUndefined();
      expect(index.holderBefore(alice)).toBeUndefined();
    });

    it("lets nobody reserve a host by asking for it without being served there", () => {
      const mallory = aServer("mallory", { namespace: "two", path: "/", created: 1 });
      const index = withAlice(mallory);
      const late = aServer("late", { namespace: "three", path: "/sessions/late", created: 9 });
      index.update("three/late", late);
      expect(index.holderBefore(late)).toBeUndefined();
    });

    const rule = (path: string, host: string | undefined = "hub.example.org", isPattern = false) => ({
      host,
      path,
      isPattern,
    });

    it.each([
      { what: "the same path", taken: rule("/sessions/alice") },
      { what: "the same path with another spelling", taken: rule("//sessions//alice/") },
      { what: "the host in capitals", taken: rule("/sessions/alice", "HUB.EXAMPLE.ORG") },
      { what: "a path within it", taken: rule("/sessions/alice/lab") },
      { what: "a path around it", taken: rule("/sessions") },
      { what: "a pattern on its host", taken: rule("/(sessions|x)/.*", "hub.example.org", true) },
      { what: "every host", taken: { host: undefined, path: "/sessions/alice/lab", isPattern: false } },
      { what: "every host and path", taken: { host: undefined, path: "/", isPattern: false } },
      { what: "a wildcard that its host matches", taken: rule("/sessions/alice", "*.example.org") },
    ])("finds that a rule for $what would take her requests", ({ taken }) => {
      const mallory = aServer("mallory", { namespace: "two", path: "/mallory" });
      expect(withAlice(mallory).takenBy(mallory, taken)).toBe("one/alice");
      expect(withAlice(mallory).takenBy(alice, taken)).not.toBe("one/alice");
    });

    it.each([
      { what: "a path beside hers", free: rule("/sessions/alice-2") },
      { what: "another host", free: rule("/sessions/alice", "other.example.org") },
      { what: "another wildcard", free: rule("/sessions/alice", "*.example.com") },
    ])("lets a rule be for $what", ({ free }) => {
      const mallory = aServer("mallory", { namespace: "two", path: "/mallory" });
      expect(withAlice(mallory).takenBy(mallory, free)).toBeUndefined();
    });

    it("keeps rules off what her spec asks for, too, before it is served", () => {
      const mallory = aServer("mallory", { namespace: "two", path: "/mallory" });
      expect(indexOf(alice, mallory).takenBy(mallory, rule("/sessions/alice"))).toBe("one/alice");
    });

    it("does not count what a server asks for and is refused", () => {
      const mallory = aServer("mallory", { namespace: "two", path: "/", stalled: "/ is already routed to one/alice." });
      expect(withAlice(mallory).takenBy(alice, rule("/dashboards/alice"))).toBeUndefined();
    });

    it("wakes who was refused because of her when she goes", () => {
      const stalled = "hub.example.org/sessions/alice is already routed to the server one/alice.";
      const mallory = aServer("mallory", { namespace: "two", path: "/mallory", stalled });
      expect(withAlice(mallory).update("one/alice", undefined)).toEqual(["two/mallory"]);
    });

    it("does not believe what an object of another namespace says of her", () => {
      const bob = aServer("bob", { namespace: "three", path: "/sessions/bob", created: 9 });
      const index = withAlice(bob);
      // A pod with her uid in its label, and started for his route, as it says.
      index.updateServed("mallorys-pod", served("alice", "/sessions/bob", "Pod", "two"));
      expect(index.holderBefore(bob)).toBeUndefined();
      index.updateServed("mallorys-ingress", served("alice", "/sessions/alice", "AddedIngress", "two"));
      expect(index.holderBefore(alice)).toBeUndefined();
    });
  });

  it("wakes of thousands who ask for one route only those for whom something changes", () => {
    const rivals = Array.from({ length: 2_000 }, (_, at) => aServer(`rival-${at}`, { uid: String(10_000 + at) }));
    const index = indexOf(...rivals);
    const last = aServer("last", { created: 9 });
    expect(index.update("ns/last", last)).toEqual([]);
    expect(index.update("ns/rival-1500", undefined)).toEqual([]);
    expect(index.update("ns/rival-0", undefined)).toEqual(["ns/rival-1"]);
    expect(index.holderBefore(last)).toBe("ns/rival-1");
  });
});
