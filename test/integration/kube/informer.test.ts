import { type ControlPlane, startControlPlane } from "@amalthea/cluster";
import { Informer, type InformerOptions, type KubeClient, kinds } from "@amalthea/kube";
import { FakeClock } from "@amalthea/kube/testing";
import type { ConfigMap } from "kubernetes-types/core/v1.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { errorEvent, type Fault, FaultProxy, type Seen } from "./fault-proxy.ts";
import { aNamespace, clientOf, createMaps, forever, namesIn, removeMaps, until, untilNames } from "./fixture.ts";
import { TcpProxy } from "./tcp-proxy.ts";

let controlPlane: ControlPlane;
/** Straight to the API server. */
let direct: KubeClient;

beforeAll(async () => {
  // Older servers have it off; how it is without is in list-fallback.test.ts.
  controlPlane = await startControlPlane({ apiServerFlags: ["--feature-gates=WatchList=true"] });
  direct = clientOf(controlPlane);
});
afterAll(async () => {
  await direct.close();
  await controlPlane.stop();
});

/** An informer of ConfigMaps behind a proxy that works until a test breaks it, with one object to begin with. */
class Watched implements AsyncDisposable {
  readonly #controller = new AbortController();
  readonly #client: KubeClient;
  readonly #running: Promise<void>;
  readonly proxy: FaultProxy;
  readonly path: TcpProxy;
  readonly namespace: string;
  readonly informer: Informer<ConfigMap>;
  readonly failures: unknown[] = [];

  private constructor(
    proxy: FaultProxy,
    path: TcpProxy,
    namespace: string,
    options: Partial<InformerOptions<ConfigMap>>,
  ) {
    this.proxy = proxy;
    this.path = path;
    this.namespace = namespace;
    this.#client = clientOf(controlPlane, `http://127.0.0.1:${path.port}`);
    this.informer = new Informer({
      client: this.#client,
      kind: kinds.ConfigMap,
      namespaces: [namespace],
      freeze: true,
      random: () => 0, // no jitter: the shortest pauses
      onFailure: (_, error) => void this.failures.push(error),
      ...options,
    });
    this.#running = this.informer.run(this.#controller.signal);
  }

  static async begin(
    options: Partial<InformerOptions<ConfigMap>> = {},
    fault: (request: Seen) => Fault | undefined = () => undefined,
  ): Promise<Watched> {
    const proxy = await FaultProxy.start({ url: controlPlane.url, ca: controlPlane.certificateAuthority });
    proxy.fault = fault;
    const namespace = await aNamespace(direct);
    await createMaps(direct, namespace, "first");
    return new Watched(proxy, await TcpProxy.start(proxy.url), namespace, options);
  }

  async untilNames(...names: readonly string[]): Promise<void> {
    await untilNames(this.informer.store, ...names);
  }

  /** Lists and watches since the request of this number, but for the check of the version after each failure. */
  reads(from = 0): string[] {
    return this.proxy.readsOf("configmaps", from).filter((read) => read !== "check");
  }

  async stop(): Promise<void> {
    this.#controller.abort(new Error("stopped"));
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.#client.close();
    await this.path[Symbol.asyncDispose]();
    await this.proxy[Symbol.asyncDispose]();
  }
}

/** A fault for the first so many requests that match, and none after. */
function times(
  count: number,
  fault: Fault,
  matches: (request: Seen) => boolean = () => true,
): (r: Seen) => Fault | undefined {
  let left = count;
  return (request) => (matches(request) && left-- > 0 ? fault : undefined);
}

const isWatch = (request: Seen): boolean => request.isWatch && !request.url.searchParams.has("sendInitialEvents");
const isStream = (request: Seen): boolean => request.isWatch && request.url.searchParams.has("sendInitialEvents");

describe.concurrent("an informer", () => {
  it("sees what exists and then every change in one request", async () => {
    await using watched = await Watched.begin();
    const { store } = watched.informer;
    await store.waitForSync(forever);
    expect(namesIn(store)).toEqual(["first"]);
    await createMaps(direct, watched.namespace, "second");
    await removeMaps(direct, watched.namespace, "first");
    await watched.untilNames("second");
    expect(watched.reads()).toEqual(["stream"]);
    expect(watched.failures).toEqual([]);
  });

  it("keeps objects without managedFields, frozen, with apiVersion and kind", async () => {
    await using watched = await Watched.begin();
    await watched.informer.store.waitForSync(forever);
    const [object] = watched.informer.store.list();
    expect(object).toMatchObject({ apiVersion: "v1", kind: "ConfigMap" });
    expect(object?.metadata.managedFields).toBeUndefined();
    expect(Object.isFrozen(object?.metadata)).toBe(true);
  });

  it.each<{ fault: string; breakIt: (watched: Watched) => void }>([
    { fault: "every connection is ended", breakIt: ({ path }) => path.cut() },
    { fault: "every connection is reset", breakIt: ({ path }) => path.reset() },
  ])("goes on from its place when $fault, and misses nothing", async ({ breakIt }) => {
    await using watched = await Watched.begin();
    await watched.untilNames("first");
    const before = watched.proxy.seen.length;
    breakIt(watched);
    await createMaps(direct, watched.namespace, "meanwhile");
    await removeMaps(direct, watched.namespace, "first");
    await watched.untilNames("meanwhile");
    expect(watched.reads(before)).toEqual(["watch"]);
  });

  it.each<{ fault: string; answer: Fault }>([
    { fault: "500 twice", answer: { kind: "Answer", code: 500 } },
    { fault: "401 twice", answer: { kind: "Answer", code: 401 } },
    {
      fault: "429 twice",
      answer: { kind: "Answer", code: 429, retryAfterSeconds: 1 },
    },
    {
      fault: "half an event, twice",
      answer: { kind: "Stream", text: '{"type":"ADDED","object":{"metad' },
    },
    { fault: "an end at once, twice", answer: { kind: "Stream", text: "" } },
    {
      fault: "an error inside the watch, twice",
      answer: { kind: "Stream", text: errorEvent(500, "InternalError") },
    },
  ])("backs off and goes on from its place when the watch is answered with $fault", async ({ answer }) => {
    await using watched = await Watched.begin();
    await watched.untilNames("first");
    const before = watched.proxy.seen.length;
    watched.proxy.fault = times(2, answer, isWatch);
    const startMs = performance.now();
    watched.path.cut();
    await createMaps(direct, watched.namespace, "second");
    await watched.untilNames("first", "second");
    expect(watched.reads(before)).toEqual(["watch", "watch", "watch"]);
    expect(performance.now() - startMs).toBeGreaterThan(2_400); // 0.8 and 1.6 s
  });

  it.each<{ fault: string; answer: Fault }>([
    { fault: "HTTP 410", answer: { kind: "Answer", code: 410, reason: "Expired" } },
    { fault: "an ERROR event with 410", answer: { kind: "Stream", text: errorEvent(410, "Expired") } },
  ])("looks at everything again after $fault, and finds what was removed", async ({ answer }) => {
    await using watched = await Watched.begin();
    await watched.untilNames("first");
    const before = watched.proxy.seen.length;
    const changes: string[] = [];
    watched.informer.store.subscribe(({ key, initial }) => void changes.push(`${key} ${initial}`));
    watched.proxy.fault = times(1, answer, isWatch);
    watched.path.cut();
    await createMaps(direct, watched.namespace, "second");
    await removeMaps(direct, watched.namespace, "first");
    await watched.untilNames("second");
    expect(watched.reads(before)).toEqual(["watch", "stream"]);
    expect(changes.toSorted()).toEqual([`${watched.namespace}/first false`, `${watched.namespace}/second false`]);
  });

  it("asks for everything with back-off as long as the server forgets its place again and again", async () => {
    await using watched = await Watched.begin();
    await watched.untilNames("first");
    const before = watched.proxy.seen.length;
    watched.proxy.fault = times(2, { kind: "Stream", text: errorEvent(410, "Expired") }, ({ isWatch: isOne }) => isOne);
    const startMs = performance.now();
    watched.path.cut();
    await createMaps(direct, watched.namespace, "second");
    await watched.untilNames("first", "second");
    expect(watched.reads(before)).toEqual(["watch", "stream", "stream"]);
    expect(performance.now() - startMs).toBeGreaterThan(4_800); // 0.8 for the cut, 1.6 and 3.2 s
  });

  it.each<{
    fault: string;
    answer: Fault;
    matches: (request: Seen) => boolean;
    reads: string[];
    options?: Partial<InformerOptions<ConfigMap>>;
  }>([
    { fault: "500", answer: { kind: "Answer", code: 500 }, matches: isStream, reads: ["stream", "stream"] },
    {
      fault: "429",
      answer: { kind: "Answer", code: 429, retryAfterSeconds: 1 },
      matches: isStream,
      reads: ["stream", "stream"],
    },
    { fault: "422", answer: { kind: "Answer", code: 422 }, matches: isStream, reads: ["stream", "list", "watch"] },
    {
      fault: "an error in the stream",
      answer: { kind: "Stream", text: errorEvent(500, "InternalError") },
      matches: isStream,
      reads: ["stream", "list", "watch"],
    },
    {
      fault: "a stream that ends before its end",
      answer: { kind: "Stream", text: "" },
      matches: isStream,
      reads: ["stream", "stream"],
    },
    {
      fault: "a stream in which nothing comes",
      answer: { kind: "SilentStream" },
      matches: isStream,
      reads: ["stream", "list", "watch"],
      options: { silenceMs: 1_000 },
    },
  ])("sees what exists although its first request is answered with $fault", async (given) => {
    const { answer, matches, reads, options } = given;
    await using watched = await Watched.begin(options, times(1, answer, matches));
    await watched.untilNames("first");
    await createMaps(direct, watched.namespace, "second");
    await watched.untilNames("first", "second");
    expect(watched.reads().slice(0, reads.length)).toEqual(reads);
  });

  it.each<{ fault: string; answer: Fault; failures: number }>([
    { fault: "500", answer: { kind: "Answer", code: 500 }, failures: 2 },
    // Obeyed within the call.
    { fault: "429", answer: { kind: "Answer", code: 429, retryAfterSeconds: 1 }, failures: 0 },
  ])("lists again, later, as long as the list is answered with $fault", async ({ answer, failures }) => {
    const refuse = times(1, { kind: "Answer", code: 422 }, isStream);
    const fail = times(2, answer, ({ isWatch }) => !isWatch);
    const startMs = performance.now();
    await using watched = await Watched.begin({}, (request) => refuse(request) ?? fail(request));
    await watched.untilNames("first");
    expect(watched.reads().slice(0, 4)).toEqual(["stream", "list", "list", "list"]);
    expect(watched.failures).toHaveLength(failures);
    expect(performance.now() - startMs).toBeGreaterThan(2_000);
  });

  it("opens a new watch when the server falls silent", async () => {
    await using watched = await Watched.begin({ silenceMs: 1_500 });
    await watched.untilNames("first");
    watched.proxy.fault = times(1, { kind: "SilentStream" }, isWatch);
    watched.path.cut();
    await createMaps(direct, watched.namespace, "second");
    await watched.untilNames("first", "second");
  });

  it("resumes after the path was frozen for long and has healed", async () => {
    await using watched = await Watched.begin({ silenceMs: 1_000 });
    await watched.untilNames("first");
    const before = watched.proxy.seen.length;
    watched.path.freeze();
    await createMaps(direct, watched.namespace, "second");
    await until(() => watched.failures.length >= 2); // the watch, and the one that was to take its place
    watched.path.heal();
    await watched.untilNames("first", "second");
    expect(watched.reads(before)).not.toContain("list");
  });
});

describe("an informer on its own", () => {
  it("resumes from its place when the API server has restarted on the same data", async () => {
    await using watched = await Watched.begin();
    await watched.untilNames("first");
    const before = watched.proxy.seen.length;
    await controlPlane.apiServer.restart();
    await createMaps(direct, watched.namespace, "second");
    await watched.untilNames("first", "second");
    expect(watched.reads(before).at(-1)).toBe("watch");
  });

  it("looks at everything again when etcd has forgotten its place", async () => {
    await using watched = await Watched.begin();
    await watched.untilNames("first");
    const before = watched.proxy.seen.length;
    watched.path.refuse();
    await removeMaps(direct, watched.namespace, "first");
    await createMaps(direct, watched.namespace, "second");
    await controlPlane.compact();
    await controlPlane.apiServer.restart(); // its cache of recent changes is gone as well
    watched.path.heal();
    await watched.untilNames("second");
    expect(watched.reads(before)).toContain("stream");
  });

  it.each<{ state: string; fault: (request: Seen) => Fault | undefined; ready: (watched: Watched) => Promise<void> }>([
    {
      state: "waiting for what exists",
      fault: () => ({ kind: "Silence" }),
      ready: async ({ proxy }) => await until(() => proxy.seen.length > 0),
    },
    {
      state: "listing",
      fault: (request) => (isStream(request) ? { kind: "Answer", code: 422 } : { kind: "Silence" }),
      ready: async ({ proxy }) => await until(() => proxy.readsOf("configmaps").includes("list")),
    },
    {
      state: "watching",
      fault: () => undefined,
      ready: async (watched) => await watched.untilNames("first"),
    },
    {
      state: "backing off",
      fault: () => ({ kind: "Answer", code: 500 }),
      ready: async ({ failures }) => await until(() => failures.length > 0),
    },
  ])("stops while it is $state, whatever it waits for, and asks nothing afterwards", async ({ fault, ready }) => {
    await using watched = await Watched.begin({ clock: new FakeClock() }, fault); // no pause ever ends by itself
    await ready(watched);
    await watched.stop();
    const asked = watched.proxy.seen.length;
    await createMaps(direct, watched.namespace, "later");
    expect(watched.proxy.seen).toHaveLength(asked);
  });
});

describe("an informer of several namespaces", () => {
  it("is complete when all of them are, and holds nothing else", async () => {
    const [one, two, other] = [await aNamespace(direct), await aNamespace(direct), await aNamespace(direct)];
    for (const namespace of [one, two, other]) await createMaps(direct, namespace, `in-${namespace}`);
    const informer = new Informer({ client: direct, kind: kinds.ConfigMap, namespaces: [one, two] });
    const controller = new AbortController();
    const running = informer.run(controller.signal);
    await informer.store.waitForSync(forever);
    expect(namesIn(informer.store)).toEqual([`in-${one}`, `in-${two}`].toSorted());
    controller.abort();
    await running;
  });
});
