import type { ConfigMap } from "kubernetes-types/core/v1.js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { kinds } from "./kinds.ts";
import { silentLogger } from "./logger.ts";
import { keyOf, type Live } from "./objects.ts";
import { ObjectStore } from "./store.ts";
import { FakeClock } from "./testing/fake-clock.ts";

function aMap(
  name: string,
  resourceVersion: number,
  more: { uid?: string; app?: string; namespace?: string } = {},
): Live<ConfigMap> {
  const { uid = `uid-${name}`, app, namespace = "ns" } = more;
  return {
    metadata: {
      name,
      namespace,
      uid,
      resourceVersion: String(resourceVersion),
      creationTimestamp: "2026-01-01T00:00:00Z",
      ...(app === undefined ? {} : { labels: { app } }),
    },
  };
}

function aStore(): { store: ObjectStore<ConfigMap>; changes: string[]; clock: FakeClock } {
  const clock = new FakeClock();
  const byApp = (object: Live<ConfigMap>): string[] => Object.values(object.metadata.labels ?? {});
  const store = new ObjectStore(kinds.ConfigMap, { clock, indexes: { app: byApp } });
  const changes: string[] = [];
  store.subscribe(({ key, previous, current, initial }) => {
    const version = (object: Live<ConfigMap> | undefined): string => object?.metadata.resourceVersion ?? "-";
    changes.push(`${key} ${version(previous)}→${version(current)}${initial ? " initial" : ""}`);
  });
  return { store, changes, clock };
}

const names = (store: ObjectStore<ConfigMap>): string[] => [...store.list()].map((object) => object.metadata.name);

describe("ObjectStore", () => {
  it("tells what changed from what it held before", () => {
    const { store, changes } = aStore();
    store.replace([aMap("a", 1)], { resourceVersion: "5" });
    store.markSynced();
    store.set(aMap("a", 6));
    store.set(aMap("b", 7));
    store.delete(aMap("a", 8));
    expect(changes).toEqual(["ns/a -→1 initial", "ns/a 1→6", "ns/b -→7", "ns/a 6→-"]);
  });

  it.each([
    { event: "older", version: 9, kept: "10" },
    { event: "equal", version: 10, kept: "10" },
    { event: "newer by one digit", version: 100, kept: "100" },
  ])("an $event event than our own write leaves version $kept", ({ version, kept }) => {
    const { store } = aStore();
    store.recordWrite(aMap("a", 10));
    store.set(aMap("a", version));
    expect(store.get(keyOf(aMap("a", 0)))?.metadata.resourceVersion).toBe(kept);
  });

  it("tells a new object of the same name as one gone and one come", () => {
    const { store, changes } = aStore();
    store.set(aMap("a", 1, { uid: "first" }));
    store.markSynced();
    store.set(aMap("a", 9, { uid: "second" }));
    expect(changes.slice(1)).toEqual(["ns/a 1→-", "ns/a -→9"]);
  });

  it("does not take the end of an earlier object for that of the present one", () => {
    const { store } = aStore();
    store.set(aMap("a", 9, { uid: "second" }));
    store.delete(aMap("a", 8, { uid: "first" }));
    expect(names(store)).toEqual(["a"]);
  });

  it("becomes equal to a list, change by change, and keeps what was written after the list was made", () => {
    const { store, changes } = aStore();
    store.replace([aMap("stays", 1), aMap("changes", 2), aMap("goes", 3)], { resourceVersion: "5" });
    store.markSynced();
    store.recordWrite(aMap("written", 20));
    changes.length = 0;
    store.replace([aMap("stays", 1), aMap("changes", 9), aMap("comes", 10)], { resourceVersion: "12" });
    expect(changes).toEqual(["ns/goes 3→-", "ns/changes 2→9", "ns/comes -→10"]);
    expect(names(store).toSorted()).toEqual(["changes", "comes", "stays", "written"]);
  });

  it("replaces only the namespace that was listed", () => {
    const { store } = aStore();
    store.replace([aMap("a", 1, { namespace: "one" })], { resourceVersion: "5", namespace: "one" });
    store.replace([aMap("b", 2, { namespace: "two" })], { resourceVersion: "5", namespace: "two" });
    store.replace([], { resourceVersion: "6", namespace: "one" });
    expect(names(store)).toEqual(["b"]);
  });

  it("does not bring back an object that we removed, until half a minute later", async () => {
    const { store, clock } = aStore();
    store.set(aMap("a", 1));
    store.recordRemoval(keyOf(aMap("a", 1)), "uid-a");
    store.set(aMap("a", 2));
    expect(names(store)).toEqual([]);
    await clock.advance(30_000);
    store.set(aMap("a", 2)); // still there after all: a finalizer keeps it
    expect(names(store)).toEqual(["a"]);
  });

  it.each<{ end: string; happens: (store: ObjectStore<ConfigMap>) => void }>([
    { end: "its deletion", happens: (store) => store.delete(aMap("a", 11)) },
    { end: "a list without it", happens: (store) => store.replace([], { resourceVersion: "11" }) },
  ])("does not bring back an object by the answer to a write that $end overtook", ({ happens }) => {
    const { store } = aStore();
    store.set(aMap("a", 9));
    happens(store);
    store.recordWrite(aMap("a", 10));
    expect(names(store)).toEqual([]);
  });

  it("takes in an object again that had left the selection", () => {
    const { store } = aStore();
    store.set(aMap("a", 9));
    store.delete(aMap("a", 11)); // it lost the label
    store.set(aMap("a", 12));
    expect(names(store)).toEqual(["a"]);
  });

  it("keeps an object that our own write brought back into the selection before its leaving is heard of", () => {
    const { store, changes } = aStore();
    store.set(aMap("a", 9));
    store.recordWrite(aMap("a", 12)); // the label that somebody had taken off at 11
    store.delete(aMap("a", 11));
    store.set(aMap("a", 12));
    expect(changes).toEqual(["ns/a -→9 initial", "ns/a 9→12 initial"]);
  });

  it("takes in a new object of a name that we removed", () => {
    const { store } = aStore();
    store.set(aMap("a", 1, { uid: "first" }));
    store.recordRemoval(keyOf(aMap("a", 1)), "first");
    store.set(aMap("a", 3, { uid: "second" }));
    expect(names(store)).toEqual(["a"]);
  });

  it("equals a complete list of a server that was restored, whatever it held, wrote or removed before", () => {
    const name = fc.constantFrom("a", "b", "c", "d");
    const object = fc.record({ name, version: fc.integer({ min: 1, max: 20 }), uid: fc.constantFrom("x", "y") });
    const before = fc.array(fc.record({ object, removed: fc.boolean() }), { maxLength: 10 });
    const listed = fc.uniqueArray(object, { selector: (each) => each.name, maxLength: 4 });
    fc.assert(
      fc.property(before, listed, (steps, list) => {
        const { store } = aStore();
        for (const { object: held, removed } of steps) {
          const map = aMap(held.name, 100 + held.version, { uid: held.uid });
          if (removed) store.recordRemoval(keyOf(map), held.uid);
          else store.recordWrite(map);
        }
        const maps = list.map(({ name: of, version, uid }) => aMap(of, version, { uid }));
        store.replace(maps, { resourceVersion: "30", wentBack: true });
        const [shown, wanted] = [[...store.list()], maps].map((all) =>
          all.map(({ metadata }) => `${metadata.name} ${metadata.uid} ${metadata.resourceVersion}`).toSorted(),
        );
        expect(shown).toEqual(wanted);
        store.set(aMap("a", 31, { uid: "z" }));
        expect(store.get(keyOf(aMap("a", 0)))?.metadata.resourceVersion).toBe("31");
      }),
    );
  });

  it("keeps of each namespace the objects that changed last, where their number is bounded", () => {
    const store = new ObjectStore(kinds.ConfigMap, { clock: new FakeClock(), maxPerNamespace: 2 });
    const gone: string[] = [];
    store.subscribe(({ key, current }) => void (current === undefined ? gone.push(key) : undefined));
    store.set(aMap("a", 1));
    store.set(aMap("b", 2));
    store.set(aMap("other", 3, { namespace: "two" }));
    store.set(aMap("a", 4));
    store.set(aMap("c", 5));
    expect(names(store).toSorted()).toEqual(["a", "c", "other"]);
    expect(gone).toEqual(["ns/b"]);
    store.delete(aMap("a", 6));
    store.set(aMap("d", 7));
    expect(names(store).toSorted()).toEqual(["c", "d", "other"]);
  });

  it("finds objects by an index, which follows every change", () => {
    const { store } = aStore();
    store.set(aMap("a", 1, { app: "x" }));
    store.set(aMap("b", 2, { app: "x" }));
    store.set(aMap("a", 3, { app: "y" }));
    const found = (app: string): string[] => store.byIndex("app", app).map((object) => object.metadata.name);
    expect([found("x"), found("y"), found("z")]).toEqual([["b"], ["a"], []]);
    expect(() => store.byIndex("none", "x")).toThrow('no index "none"');
  });

  it("lets its readers wait until it is complete, or until they stop waiting", async () => {
    const { store } = aStore();
    const controller = new AbortController();
    const stopped = store.waitForSync(controller.signal);
    const waiting = store.waitForSync(new AbortController().signal);
    controller.abort(new Error("stopped"));
    await expect(stopped).rejects.toThrow("stopped");
    store.markSynced();
    await expect(waiting).resolves.toBeUndefined();
    expect(store.synced).toBe(true);
  });
});

describe("a subscriber that throws", () => {
  it("is logged, and neither ends the process nor keeps the others from hearing", async () => {
    const errors: object[] = [];
    const logger = { ...silentLogger, error: (fields: object) => void errors.push(fields) };
    const store = new ObjectStore(kinds.ConfigMap, { clock: new FakeClock(), logger });
    const heard: string[] = [];
    const escaped: unknown[] = [];
    const onEscaped = (error: unknown): void => void escaped.push(error);
    process.on("uncaughtException", onEscaped);
    store.subscribe(() => {
      throw new RangeError("of a hostile object");
    });
    store.subscribe(({ key }) => heard.push(key));
    store.set(aMap("hostile", 1));
    await new Promise((resolve) => setImmediate(resolve));
    process.off("uncaughtException", onEscaped);
    expect(store.size).toBe(1);
    expect(heard).toEqual(["ns/hostile"]);
    expect(errors).toMatchObject([{ kind: "ConfigMap", key: "ns/hostile" }]);
    expect(escaped).toEqual([]);
  });
});
