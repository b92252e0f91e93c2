import { describe, expect, it } from "vitest";
import { decide as decideAll } from "../decide.ts";
import type { Observed } from "../live/observed.ts";
import { carryOut, change, decide, restartedAt, running, sentences, subject } from "../testing/simulated-world.ts";
import { anObserved, aServer, NOW, someSettings, type ServerOptions } from "../testing/builders.ts";

describe("a server that is to move", () => {
  it("keeps the Ingress on the route that the pod was started with", () => {
    const world = running();
    const moved = change(world, { routing: { path: "/new", ingressAnnotations: { a: "b" } } });
    const decision = decide(moved);
    expect(decision.plan.map(subject)).toEqual(["statefulset", "ingress"]);
    expect(JSON.stringify(decision.plan.at(-1))).toContain('"path":"/sessions/alice"');
    expect(decision.facts.route?.path).toBe("/sessions/alice");
    expect(decision.facts.pendingFields).toEqual(["routing.path"]);
    const asleep = { ...moved, pod: undefined };
    expect(decide(asleep).facts.route?.path).toBe("/new");
  });

  it("makes no Ingress on a route that an older server holds", () => {
    const { plan, facts } = decide(anObserved({ routeHolder: "sessions/bob" }));
    expect(plan.map(subject)).not.toContain("ingress");
    expect(facts.problems).toEqual([{ kind: "RouteTaken", holder: "sessions/bob", keptUrl: undefined }]);
  });
});

/** Asks for a route that another server has. */
function moved(world: Observed, options: ServerOptions = {}): Observed {
  return { ...change(world, { ...options, routing: { path: "/bobs" } }), routeHolder: "sessions/bob" };
}

/** Carries out plans until one is empty. */
function settled(world: Observed): Observed {
  const { plan } = decide(world);
  return plan.length === 0 ? world : settled(carryOut(world, plan));
}

const ingressPath = ({ children }: Observed): string =>
  JSON.stringify(children.find(({ kind }) => kind === "Ingress")?.spec?.["rules"]);

describe("a server that is refused another route", () => {
  it.each<{ policy: ServerOptions["updatePolicy"] }>([{ policy: "OnNextStart" }, { policy: "Restart" }])(
    "stays where it is, and its pod with it, under updatePolicy $policy",
    ({ policy }) => {
      const updatePolicy = policy ?? "OnNextStart";
      const world = moved(running({ updatePolicy }), { updatePolicy });
      const { plan, facts } = decide(world);
      expect(plan).toEqual([]);
      expect(facts).toMatchObject({
        problems: [{ kind: "RouteTaken", holder: "sessions/bob", keptUrl: "http://hub.example.org/sessions/alice" }],
        pendingFields: [],
        desiredRouteSettled: true,
        restarting: false,
      });
    },
  );

  it("stays there when it is restarted on request", () => {
    const world = moved(running(), restartedAt("now"));
    const withTemplate = carryOut(world, decide(world).plan);
    expect(sentences(decide(withTemplate))).toEqual([expect.stringMatching(/^RemovePod Pod: .*restartedAt is now/)]);
    const stopped: Observed = { ...withTemplate, pod: undefined };
    expect(decide(stopped).plan.map(subject)).not.toContain("Ingress");
    const next = settled(carryOut(withTemplate, decide(withTemplate).plan));
    expect(next.pod?.spec?.containers[0]?.env).toContainEqual({ name: "AMALTHEA_BASE_URL", value: "/sessions/alice" });
    expect(ingressPath(next)).toContain('"path":"/sessions/alice"');
    expect(decide(next).facts.route?.path).toBe("/sessions/alice");
  });

  it("stays there when its pod is lost", () => {
    const lost = settled({ ...settled(moved(running())), pod: undefined });
    expect(ingressPath(lost)).toContain('"path":"/sessions/alice"');
  });

  it("stays there when it is hibernated with the same change, and when it is resumed", () => {
    const hibernated = { jupyterServer: { hibernated: true } };
    const first = moved(running(), hibernated);
    const [, scale] = decide(first).plan; // the first tells the clients
    expect(scale).toMatchObject({ childKey: "statefulset", manifest: { spec: { replicas: 0 } } });
    const asleep = settled(first);
    expect(asleep.pod).toBeUndefined();
    expect(ingressPath(asleep)).toContain('"path":"/sessions/alice"');
    const { annotations = {} } = asleep.server.metadata;
    const resumed = settled(moved(asleep, { metadata: { annotations } }));
    expect(resumed.pod).toBeDefined();
    expect(decide(resumed).facts.route?.path).toBe("/sessions/alice");
  });

  it("gets what else changes, by a restart under updatePolicy Restart", () => {
    const world = moved(running(), { updatePolicy: "Restart", jupyterServer: { image: "other:v2" } });
    const withTemplate = carryOut(world, decide(world).plan);
    expect(sentences(decide(withTemplate))).toEqual(["RemovePod Pod: jupyterServer.image changed"]);
    const next = settled(withTemplate);
    expect(next.pod?.spec?.containers[0]?.image).toBe("other:v2");
    expect(ingressPath(next)).toContain('"path":"/sessions/alice"');
  });

  it("moves as soon as the route is free", () => {
    const refused = settled(moved(running({ updatePolicy: "Restart" }), { updatePolicy: "Restart" }));
    const free = settled({ ...refused, routeHolder: undefined });
    expect(ingressPath(free)).toContain('"path":"/bobs"');
    expect(decide(free).facts.route?.path).toBe("/bobs");
  });

  it("goes on running, and says that it stays", () => {
    const { status } = decideAll(moved(running()), someSettings(), NOW);
    expect(status.state).toBe("running");
    const stalled = status.conditions?.find(({ type }) => type === "Stalled");
    expect(stalled).toMatchObject({ status: "True", reason: "RouteTaken" });
    expect(stalled?.message).toContain("this server stays at http://hub.example.org/sessions/alice");
  });
});

describe("a server that has no route", () => {
  it("starts no pod that nobody could reach, until the route is free", () => {
    const world = anObserved({ routeHolder: "sessions/bob" });
    const waiting = settled(world);
    expect(waiting.pod).toBeUndefined();
    expect(decideAll(waiting, someSettings(), NOW).status).toMatchObject({ state: "failed" });
    expect(settled({ ...waiting, routeHolder: undefined }).pod).toBeDefined();
  });

  it("does not tell its users the address of the other server", () => {
    const world = settled(anObserved({ routeHolder: "sessions/bob" }));
    const addresses = (of: Observed): readonly unknown[] => {
      const { status } = decideAll(of, someSettings(), NOW);
      return [status.url, status.create_fn?.fullServerURL];
    };
    expect(addresses(world)).toEqual([undefined, undefined]);
    const own = "http://hub.example.org/sessions/alice";
    expect(addresses({ ...world, routeHolder: undefined })).toEqual([own, own]);
    expect(addresses(moved(running()))).toEqual([own, own]);
  });

  it("does not take a second route of others when it is sent from one to the next", () => {
    const waiting = settled(anObserved({ routeHolder: "sessions/bob" }));
    const sent = settled({ ...change(waiting, { routing: { path: "/carols" } }), routeHolder: "sessions/carol" });
    expect(sent.children.map(({ kind }) => kind)).not.toContain("Ingress");
  });

  it("starts all the same when a patch dropped its Ingress", () => {
    const patches = [{ type: "application/merge-patch+json", patch: { ingress: null } }] as const;
    const world = settled(anObserved({ server: aServer({ patches }), routeHolder: "sessions/bob" }));
    expect(world.pod).toBeDefined();
    expect(decide(world).facts.problems).toEqual([]);
  });
});
