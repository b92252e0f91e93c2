import type { ConfigMap } from "kubernetes-types/core/v1.js";
import { describe, expect, it } from "vitest";
import type { KubeClient, ListOptions, ObjectList, WatchEvent, WatchOptions } from "./client.ts";
import { ApiError } from "./errors.ts";
import { kinds } from "./kinds.ts";
import { silentLogger } from "./logger.ts";
import type { Live } from "./objects.ts";
import { Reflector } from "./reflector.ts";
import { ObjectStore } from "./store.ts";
import { FakeClock, settle } from "./testing/fake-clock.ts";

const metadata = { namespace: "ns", creationTimestamp: "2026-01-01T00:00:00Z" };
const aMap = (name: string, resourceVersion: string): Live<ConfigMap> => ({
  metadata: { ...metadata, name, uid: `uid-${name}`, resourceVersion },
});
const added = (name: string, version: string): WatchEvent<ConfigMap> => ({
  type: "ADDED",
  object: aMap(name, version),
});
const bookmark = (resourceVersion: string, annotations = {}): WatchEvent<ConfigMap> => ({
  type: "BOOKMARK",
  object: { metadata: { ...metadata, name: "", uid: "", resourceVersion, annotations } },
});
const endOfWhatExists = bookmark("5", { "k8s.io/initial-events-end": "true" });

/** Each watch gives its events and then says nothing until it is aborted, or ends in good order after `lastingMs`. What a real server does: test/integration. */
type Script = readonly (readonly WatchEvent<ConfigMap>[])[];

function run(
  script: Script,
  lastingMs?: number,
  /** Of the server, when a version is checked. */
  versionNow = "99",
): {
  readonly clock: FakeClock;
  readonly watches: (string | undefined)[];
  readonly names: () => string[];
  readonly silentMs: () => number;
  readonly isConnected: () => boolean;
  readonly stop: () => Promise<void>;
} {
  const clock = new FakeClock();
  const store = new ObjectStore(kinds.ConfigMap, { clock });
  const watches: (string | undefined)[] = [];
  async function* watch(_: unknown, options: WatchOptions, signal: AbortSignal): AsyncGenerator<WatchEvent<ConfigMap>> {
    watches.push(options.sendInitialEvents === true ? "everything" : options.resourceVersion);
    for (const event of script[watches.filter((each) => each !== "check").length - 1] ?? []) {
      options.onBytes?.(1);
      yield event;
    }
    if (lastingMs !== undefined) return await clock.sleep(lastingMs, signal);
    await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  }
  const list = async (_: unknown, { limit }: ListOptions): Promise<ObjectList<ConfigMap>> => {
    watches.push(limit === 1 ? "check" : "list");
    if (limit !== 1) throw new ApiError("list", { code: 500 });
    return { items: [], resourceVersion: versionNow };
  };
  const reflector = new Reflector<ConfigMap>({
    client: { watch, list } as unknown as KubeClient, // a reflector calls nothing else
    ...{ kind: kinds.ConfigMap, store, clock, random: () => 0, logger: silentLogger },
    ...{ onSynced: () => store.markSynced(), onFailure: () => {} },
  });
  const controller = new AbortController();
  const running = reflector.run(controller.signal);
  const stop = async (): Promise<void> => {
    controller.abort(new Error("stopped"));
    await running;
    expect(reflector.state.phase.kind).toBe("Stopped");
    expect(clock.pending).toBe(0);
  };
  const silentMs = (): number => reflector.silentMs();
  const isConnected = (): boolean => reflector.isConnected();
  return {
    clock,
    watches,
    stop,
    silentMs,
    isConnected,
    names: () => [...store.list()].map((object) => object.metadata.name),
  };
}

describe("Reflector", () => {
  it("hears of a kind that nobody changes at the end of each watch", async () => {
    const { clock, watches, silentMs, stop } = run([[endOfWhatExists]], 200_000);
    await settle();
    for (let watch = 0; watch < 4; watch++) {
      await clock.advance(200_000);
      await settle();
    }
    expect(watches.length).toBeGreaterThan(3);
    expect(silentMs()).toBeLessThanOrEqual(200_000);
    await stop();
  });

  it("shows nothing of what exists before it has seen all of it", async () => {
    const { names, stop } = run([[added("a", "1"), added("b", "2")]]);
    await settle();
    expect(names()).toEqual([]);
    await stop();
  });

  it("waits for the next bookmark for 150 s, not for the 10 s that what exists may take", async () => {
    const { clock, watches, names, stop } = run([[added("a", "1"), endOfWhatExists, bookmark("6")]]);
    await clock.advance(149_000);
    expect([names(), watches]).toEqual([["a"], ["everything"]]);
    await clock.advance(1_000);
    expect(watches).toEqual(["everything", "check", "6"]);
    await stop();
  });

  it("waits until 15 s after the server should have ended the watch, where no bookmark has ever come", async () => {
    const { clock, watches, stop } = run([[endOfWhatExists]]);
    await clock.advance(254_000);
    expect(watches).toEqual(["everything"]);
    await clock.advance(1_000);
    expect(watches).toEqual(["everything", "check", "5"]);
    await stop();
  });

  it("goes on after the last bookmark, which says more than the last event", async () => {
    const { clock, watches, stop } = run([[endOfWhatExists, added("a", "7"), bookmark("9")]]);
    await clock.advance(150_000);
    expect(watches).toEqual(["everything", "check", "9"]);
    await stop();
  });

  it("shows what a server that was restored has, after its watch failed", async () => {
    const restored = [added("a", "2"), bookmark("3", { "k8s.io/initial-events-end": "true" })];
    const { clock, watches, names, stop } = run(
      [[added("a", "1"), added("b", "4"), endOfWhatExists], restored],
      undefined,
      "3",
    );
    await clock.advance(254_000);
    expect(names()).toEqual(["a", "b"]);
    await clock.advance(1_000);
    expect([names(), watches]).toEqual([["a"], ["everything", "check", "everything"]]);
    await stop();
  });

  it("is connected while a watch is open, and not while it backs off", async () => {
    const { clock, isConnected, stop } = run([[endOfWhatExists]]);
    await settle();
    expect(isConnected()).toBe(true);
    await clock.advance(255_000); // the watch falls silent, and nothing comes in the next one
    expect(isConnected()).toBe(false);
    await stop();
  });

  it("lists, with back-off, when what exists does not come within 10 s", async () => {
    const { clock, watches, stop } = run([[]]);
    await clock.advance(10_000);
    expect(watches).toEqual(["everything", "list"]);
    await clock.advance(800);
    expect(watches).toEqual(["everything", "list", "list"]);
    await clock.advance(1_599);
    expect(watches).toHaveLength(3);
    await clock.advance(1);
    expect(watches).toHaveLength(4);
    await stop();
  });
});
