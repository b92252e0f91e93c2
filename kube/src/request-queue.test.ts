import { afterEach, describe, expect, it } from "vitest";
import type { ObjectKey } from "./objects.ts";
import { RequestQueue } from "./request-queue.ts";
import { FakeClock, settle } from "./testing/fake-clock.ts";

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const [ALICE, BOB, CAROL] = ["a/alice", "a/bob", "b/carol"] as unknown as [ObjectKey, ObjectKey, ObjectKey];

let stop = new AbortController();
afterEach(() => {
  stop.abort();
  stop = new AbortController();
});

/** A queue of two workers, and those who are to answer. */
class World {
  readonly clock = new FakeClock();
  readonly sent: string[] = [];
  readonly told: string[] = [];
  readonly pending = new Map<string, PromiseWithResolvers<string>>();
  readonly queue = new RequestQueue<string, string>({
    ...{ name: "test", workers: 2, timeoutMs: 5_000, clock: this.clock, logger: quiet },
    send: async (request, signal) => {
      this.sent.push(request);
      const answer = Promise.withResolvers<string>();
      this.pending.set(request, answer);
      signal.addEventListener("abort", () => answer.reject(signal.reason as Error));
      return await answer.promise;
    },
    onAnswer: (request, answer) => void this.told.push(`${request}: ${answer}`),
    onFailure: (request, error) => void this.told.push(`${request} failed: ${(error as Error).name}`),
  });

  async run(): Promise<void> {
    void this.queue.run(stop.signal);
    await settle();
  }

  async answer(request: string): Promise<void> {
    this.pending.get(request)?.resolve("yes");
    await settle();
  }
}

describe("requests beside the reconciles", () => {
  it("are sent one for each key at a time, and again once there was an answer", async () => {
    const world = new World();
    await world.run();
    world.queue.add(ALICE, "one");
    world.queue.add(ALICE, "too early");
    await settle();
    expect(world.queue.get(ALICE)).toBe("one");
    await world.answer("one");
    expect(world.queue.get(ALICE)).toBeUndefined();
    world.queue.add(ALICE, "two");
    await settle();
    expect(world.sent).toEqual(["one", "two"]);
    expect(world.told).toEqual(["one: yes"]);
  });

  it("give each namespace its turn", async () => {
    const world = new World();
    await world.run();
    for (const [key, request] of [
      [ALICE, "one"],
      [BOB, "two"],
      ["a/dave" as ObjectKey, "three"],
      [CAROL, "four"],
    ] as const) {
      world.queue.add(key, request);
    }
    await settle();
    expect(world.sent).toHaveLength(2);
    await world.answer("one");
    await world.answer("two");
    expect(world.sent.indexOf("four")).toBeLessThan(3);
  });

  it("fail at their time limit, and leave their place to others", async () => {
    const world = new World();
    await world.run();
    world.queue.add(ALICE, "one");
    await settle();
    await world.clock.advance(5_000);
    expect(world.told).toEqual(["one failed: TimeoutError"]);
    expect(world.queue.get(ALICE)).toBeUndefined();
  });

  it("are neither sent nor told of after the end, and begin again with the next run", async () => {
    const world = new World();
    world.queue.add(ALICE, "before");
    await world.run();
    world.queue.add(ALICE, "one");
    await settle();
    stop.abort();
    await settle();
    world.queue.add(BOB, "after");
    stop = new AbortController();
    await world.run();
    world.queue.add(ALICE, "two");
    await settle();
    expect(world.sent).toEqual(["one", "two"]);
    expect(world.told).toEqual([]);
  });
});
