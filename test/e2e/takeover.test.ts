import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { signIn } from "../integration/authorization/sign-in.ts";
import { type Polled, Poller } from "./poller.ts";
import { HOST } from "./legacy-controller.ts";
import { TakeoverWorld, type Write } from "./takeover-world.ts";
import { conditionOf, FixtureServer, podsOf, secretsOf, type PodFacts, type SecretFacts } from "./takeover-servers.ts";

const GIVEN_TOKEN = "given-token-0123456789";

/** Servers with a running pod that nobody asked to stop. */
const RUNNING = ["half-created", "oidc-inline", "oidc-patched", "token-generated", "token-volume"];

const OLD_PROXIES: Readonly<Record<string, string>> = {
  "oidc-inline": "oauth2-proxy",
  "oidc-patched": "oauth2-proxy",
};

let world: TakeoverWorld;
let server: (name: string) => FixtureServer;
/** Before our controller came. */
let before: { readonly pods: ReadonlyMap<string, PodFacts>; readonly secrets: ReadonlyMap<string, SecretFacts> };
let failedAnswers: readonly string[];
let goodAnswers: number;
let generatedToken: string;

beforeAll(async () => {
  world = await TakeoverWorld.start("takeover");
  server = (name) => new FixtureServer(name, world);
  await Promise.all([...RUNNING, "hibernated", "terminating"].map((name) => server(name).waitForPod()));
  await server("token-volume").writeFile("kept.txt", "still here");
  generatedToken = await server("token-generated").token();
  before = { pods: await podsOf(world), secrets: await secretsOf(world) };
  const page = (name: string, path: string, token?: string, status = 200): Polled => ({
    url: `http://${HOST}/sessions/${name}${path}`,
    headers: token === undefined ? {} : { authorization: `token ${token}` },
    status,
  });
  const poller = new Poller(
    [
      page("token-volume", "/api/kernels", GIVEN_TOKEN),
      page("token-generated", "/api/status", generatedToken),
      page("half-created", "/api/status", "t"),
      page("oidc-inline", "/lab", undefined, 302),
      page("oidc-patched", "/lab", undefined, 302),
    ],
    world.send,
  );
  await world.upgrade();
  await server("terminating").waitUntilGone();
  for (const name of RUNNING) await server(name).waitForCondition("Ready=True");
  await server("hibernated").waitForPodGone();
  for (const name of ["asleep", "hibernated"]) await server(name).waitForCondition("Hibernated=True");
  for (const name of ["failed", "no-host"]) await server(name).waitForCondition("Stalled=True");
  goodAnswers = await poller.stop();
  failedAnswers = poller.failures;
}, 900_000);

afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

/** The steps build on each other, as they do for the people of a cluster whose controller was swapped. */
describe("a cluster on which 0.24 ran", () => {
  it("keeps every pod that runs, without a restart of a container", async () => {
    const pods = await podsOf(world);
    for (const name of RUNNING) expect(pods.get(`${name}-0`)).toEqual(before.pods.get(`${name}-0`));
  });

  it("keeps every Secret as it is", async () => {
    const secrets = await secretsOf(world);
    for (const [name, facts] of before.secrets) {
      if (name !== "terminating") expect(secrets.get(name), name).toEqual(facts);
    }
  });

  it("answers at every address throughout", () => {
    expect(failedAnswers).toEqual([]);
    expect(goodAnswers).toBeGreaterThan(50);
  });

  it("has neither finalizer nor annotations of 0.24 left, nor its bookkeeping in a status", async () => {
    const { stdout } = await world.cluster.kubectl(["get", "jupyterservers", "-A", "-o", "json"]);
    expect(stdout).not.toContain("kopf");
  });

  it("keeps what users wrote in the objects", async () => {
    const { metadata } = await server("token-volume").read();
    expect(metadata.labels).toEqual({ "renku.io/userId": "u-1", team: "physics" });
    expect(metadata.annotations).toMatchObject({ "example.org/purpose": "course 7" });
  });

  it("has deleted the server whose deletion waited for 0.24, and its children", async () => {
    await world.until(
      async () => {
        const kinds = "statefulset,pod,service,ingress,secret,configmap,networkpolicy";
        const { stdout } = await world.cluster.kubectl(["get", kinds, "-n", "sessions", "-o", "name"]);
        return stdout;
      },
      (names) => !names.includes("terminating"),
      120,
    );
  });

  it.each(RUNNING)("shows %s as running, in the legacy layout", async (name) => {
    const { status } = await server(name).read();
    expect(status?.state).toBe("running");
    expect(conditionOf(status, "Ready")).toMatchObject({ status: "True", reason: "PodReady" });
    expect(conditionOf(status, "UpdatePending")).toMatchObject({ reason: "PredecessorLayout" });
    expect(status?.mainPod?.name).toBe(`${name}-0`);
    expect(Object.keys(status?.children ?? {})).toEqual(
      expect.arrayContaining(["configmap", "ingress", "networkpolicy", "secret", "service", "statefulset"]),
    );
  });

  it.each(RUNNING)("costs three writes for %s: marks, network policy, status", (name) => {
    const writes = world.writes().filter((write) => write.name === name);
    expect(writes.map(({ resource, subresource }) => [resource, subresource].join("/"))).toEqual([
      "jupyterservers/",
      "networkpolicies/",
      "jupyterservers/status",
    ]);
  });

  it("is not written to when our controller starts again", async () => {
    // The kubelet tries again and again to pull an image that does not exist, and the status follows the pod's.
    expect((await writesOfAnotherStart()).filter(({ name }) => name !== "failed")).toEqual([]);
  });

  it("has the server stopped whose spec and state said hibernated while its pod ran", async () => {
    const { status } = await server("hibernated").read();
    expect(status?.state).toBe("hibernated");
    expect(conditionOf(status, "Hibernated")).toMatchObject({ status: "True", reason: "Hibernated" });
    expect(world.writesTo("statefulsets", "hibernated").map(({ subresource }) => subresource)).toEqual(["scale"]);
  });
});

/** What the controller writes when it restarts, but for the one change by which it shows that it has reconciled. */
async function writesOfAnotherStart(): Promise<readonly Write[]> {
  const witness = server("asleep");
  await world.quiet();
  const { length } = world.writes();
  await world.restartController();
  const { generation } = (await witness.read()).metadata;
  // A limit of weeks: the server must not be hibernated by it when a later test has resumed it.
  await witness.patch({ spec: { culling: { idleSecondsThreshold: 1_000_000 + generation } } });
  await witness.waitForObserved(generation + 1);
  await world.quiet();
  return world
    .writes()
    .slice(length)
    .filter(({ name }) => name !== "asleep");
}

describe("a server that 0.24 could not create", () => {
  it("says which of its patches is refused, runs all the same, and recovers when the patch is removed", async () => {
    const half = server("half-created");
    const { status } = await half.read();
    expect(conditionOf(status, "Stalled")?.message).toMatch(/pod-disruption-budget.*extraChildResources/);
    await half.patch({ spec: { patches: [] } });
    await half.waitForCondition("Stalled", "absent");
    expect((await podsOf(world)).get("half-created-0")).toEqual(before.pods.get("half-created-0"));
  });

  it("says that its host is missing, and starts when it has one", async () => {
    const lost = server("no-host");
    expect(conditionOf((await lost.read()).status, "Stalled")?.message).toContain("spec.routing.host");
    const image = "jupyter/minimal-notebook:v1";
    await lost.patch({ spec: { routing: { host: HOST, path: "/sessions/no-host" }, jupyterServer: { image } } });
    await lost.waitForCondition("Ready=True");
    expect(await lost.containers()).toEqual(["jupyter-server"]);
    await lost.waitForAnswer("t");
  });

  it("says that its image does not exist, and is migrated when it has one that does", async () => {
    const failed = server("failed");
    expect(conditionOf((await failed.read()).status, "Stalled")).toMatchObject({ reason: "ImageNotFound" });
    await failed.patch({ spec: { jupyterServer: { image: "jupyter/minimal-notebook:v1" } } });
    await failed.waitForCondition("Ready=True");
    expect(await failed.containers()).toEqual(["jupyter-server"]);
    await failed.waitForAnswer("t");
  });
});

describe("a running server in the legacy layout", () => {
  it("comes back when its Jupyter is killed, in the same pod", async () => {
    const token = server("token-volume");
    await token.exec("kill 1");
    await world.until(
      async () => (await podsOf(world)).get("token-volume-0"),
      (pod) => pod?.restarts["jupyter-server"] === 1,
    );
    await token.waitForPod();
    await token.waitForCondition("Ready=True");
    await token.waitForAnswer(GIVEN_TOKEN);
    expect((await podsOf(world)).get("token-volume-0")?.uid).toBe(before.pods.get("token-volume-0")?.uid);
    expect(await token.readFile("kept.txt")).toBe("still here");
  });

  it("keeps the legacy layout when its pod is evicted", async () => {
    const token = server("token-volume");
    await token.evict();
    await world.until(
      async () => (await podsOf(world)).get("token-volume-0")?.uid,
      (uid) => uid !== undefined && uid !== before.pods.get("token-volume-0")?.uid,
    );
    await token.waitForPod();
    await token.waitForCondition("Ready=True");
    expect(await token.containers()).toEqual(["jupyter-server", "passthrough-proxy"]);
    await token.waitForAnswer(GIVEN_TOKEN);
    expect(await token.readFile("kept.txt")).toBe("still here");
  });

  it.each([
    ["oidc-inline", "https"],
    ["oidc-patched", "http"],
  ])("lets the people of %s in as before, and nobody else", async (name, scheme) => {
    const page = `${scheme}://${HOST}/sessions/${name}/api/kernels`;
    expect(await server(name).containers()).toEqual(["jupyter-server", OLD_PROXIES[name]]);
    expect(await signIn(page, "alice", world.send)).toMatchObject({ status: 200, body: "[]" });
    expect((await signIn(page, "mallory", world.send)).status).toBe(403);
  });
});

describe("a server that starts from zero", () => {
  it.each(["token-volume", "asleep", "hibernated"])("is migrated and keeps its Secret: %s", async (name) => {
    const sleeper = server(name);
    await sleeper.patch({ spec: { jupyterServer: { hibernated: true } } });
    await sleeper.waitForPodGone();
    await sleeper.waitForState("hibernated");
    expect(world.writesTo("statefulsets", name).every(({ subresource }) => subresource === "scale")).toBe(true);
    await sleeper.patch({ spec: { jupyterServer: { hibernated: false } } });
    await sleeper.waitForCondition("Ready=True");
    expect(await sleeper.containers()).toEqual(["jupyter-server"]);
    expect(conditionOf((await sleeper.read()).status, "UpdatePending")).toBeUndefined();
    // What it had stays, beside the key by which the controller asks for activity.
    expect((await secretsOf(world)).get(name)?.data).toMatchObject(before.secrets.get(name)?.data ?? {});
    await sleeper.waitForAnswer(await sleeper.token());
  });

  it("finds its files again", async () => {
    expect(await server("token-volume").readFile("kept.txt")).toBe("still here");
  });

  it("keeps its generated token when somebody asks for a restart", async () => {
    const generated = server("token-generated");
    await generated.restart();
    await world.until(
      () => generated.containers(),
      (names) => names.join() === "jupyter-server",
      120,
    );
    await generated.waitForCondition("Ready=True");
    expect(await generated.token()).toBe(generatedToken);
    await generated.waitForAnswer(generatedToken);
  });

  it.each([
    ["oidc-inline", "https"],
    ["oidc-patched", "http"],
  ])("lets the people of %s in by the new access chain, and nobody else", async (name, scheme) => {
    const sleeper = server(name);
    await sleeper.patch({ spec: { jupyterServer: { hibernated: true } } });
    await sleeper.waitForPodGone();
    await sleeper.patch({ spec: { jupyterServer: { hibernated: false } } });
    await sleeper.waitForCondition("Ready=True");
    expect(await sleeper.containers()).toEqual(["jupyter-server", "oauth2-proxy", "authorization", "auth-proxy"]);
    // What it had stays, beside the key by which the controller asks for activity.
    expect((await secretsOf(world)).get(name)?.data).toMatchObject(before.secrets.get(name)?.data ?? {});
    const page = `${scheme}://${HOST}/sessions/${name}/api/kernels`;
    const alice = await world.until(
      () => signIn(page, "alice", world.send),
      ({ status }) => status === 200,
    );
    expect(alice.body).toBe("[]");
    expect((await signIn(page, "mallory", world.send)).status).toBe(403);
  });
});

describe("our controller after the takeover", () => {
  it("writes nothing when it starts again", async () => {
    expect(await writesOfAnotherStart()).toEqual([]);
  });

  it("leaves a server alone whose finalizer comes back, and says why", async () => {
    const contested = server("half-created");
    await contested.patch({ metadata: { finalizers: ["kopf.zalando.org/KopfFinalizerMarker"] } });
    await contested.waitForCondition("Stalled=True");
    const { status } = await contested.read();
    expect(conditionOf(status, "Stalled")).toMatchObject({ reason: "PredecessorRunning" });
    const writes = world.writesTo("statefulsets", "half-created").length;
    await contested.patch({ spec: { jupyterServer: { hibernated: true } } });
    await contested.waitForCondition("Stalled=True");
    expect(world.writesTo("statefulsets", "half-created")).toHaveLength(writes);
    expect((await contested.read()).metadata.finalizers).toEqual(["kopf.zalando.org/KopfFinalizerMarker"]);
  });
});
