import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FakeClock, settle } from "./testing/fake-clock.ts";
import { type Lane, WorkQueue } from "./work-queue.ts";

const middle = (): number => 0.5; // no jitter

function aQueue(): { clock: FakeClock; queue: WorkQueue<string> } {
  const clock = new FakeClock();
  return { clock, queue: new WorkQueue({ clock, random: middle }) };
}

async function drain(queue: WorkQueue<string>): Promise<string[]> {
  const keys: string[] = [];
  while (queue.depth > 0) {
    const taken = await queue.take();
    if (taken === undefined) break;
    keys.push(taken.key);
    queue.done(taken.key);
  }
  return keys;
}

/** Eight writes to a busy API server, one, and one that is refused. */
const [NEW_MS, NEWS_MS, CHANGED_MS] = [1_400, 50, 500];
const [NEW_OBJECTS, NEWS_OF_EACH] = [300, 6];

type Burst = { readonly newsWaitsMs: number[]; readonly elapsedMs: number; readonly busyTurns: number };

/** 16 workers, and many new objects with some news of each, perhaps beside a namespace whose thousand objects never rest. */
async function burst({ busyNamespace }: { readonly busyNamespace: boolean }): Promise<Burst> {
  const { clock, queue } = aQueue();
  const never = new AbortController().signal;
  const added = new Map<string, number>();
  const newsWaitsMs: number[] = [];
  let busyTurns = 0;
  const tell = (key: string): void => {
    added.set(key, clock.monotonicMs());
    queue.add(key);
  };
  const durationOf = (key: string, lane: Lane): number => {
    if (key.startsWith("busy/")) return CHANGED_MS;
    return lane === "Urgent" ? NEWS_MS : NEW_MS;
  };
  const work = async (): Promise<void> => {
    for (let next = await queue.take(); next !== undefined; next = await queue.take()) {
      const { key, lane } = next;
      const isBusy = key.startsWith("busy/");
      if (isBusy) busyTurns++;
      else if (lane === "Urgent") newsWaitsMs.push(clock.monotonicMs() - (added.get(key) ?? Number.NaN));
      await clock.sleep(durationOf(key, lane), never);
      queue.done(key);
      if (isBusy) tell(key);
      else if (lane === "Normal") for (let index = 0; index < NEWS_OF_EACH; index++) tell(`${key}-${index}`);
    }
  };
  const workers = Array.from({ length: 16 }, work);
  if (busyNamespace) for (let index = 0; index < 1_000; index++) tell(`busy/${index}`);
  await clock.advance(60_000);
  const startMs = clock.monotonicMs();
  for (let index = 0; index < NEW_OBJECTS; index++) queue.add(`ns/${index}`, "Normal");
  while (newsWaitsMs.length < NEW_OBJECTS * NEWS_OF_EACH) await clock.advance(100);
  const elapsedMs = clock.monotonicMs() - startMs;
  queue.close();
  await clock.advance(NEW_MS);
  await Promise.all(workers);
  return { newsWaitsMs, elapsedMs, busyTurns };
}

describe("WorkQueue", () => {
  it("gives keys in the order of their arrival, each once", async () => {
    const { queue } = aQueue();
    for (const key of ["a", "b", "a", "c", "b"]) queue.add(key);
    expect(await drain(queue)).toEqual(["a", "b", "c"]);
  });

  it("gives a key that is added while it is worked on once more, after it is done", async () => {
    const { queue } = aQueue();
    queue.add("a");
    const taken = await queue.take();
    queue.add("a");
    queue.add("a");
    expect({ key: taken?.key, depth: queue.depth, processing: queue.processing }).toEqual({
      key: "a",
      depth: 0,
      processing: 1,
    });
    queue.done("a");
    expect(await drain(queue)).toEqual(["a"]);
  });

  it("gives what is urgent first, and each 16th turn to what is not", async () => {
    const { queue } = aQueue();
    queue.add("low", "Low");
    for (let index = 0; index < 20; index++) queue.add(`urgent-${index}`);
    const order = await drain(queue);
    expect(order.indexOf("low")).toBe(15);
    expect(order).toHaveLength(21);
  });

  it("raises a key that waits in the low lane, and never lowers one", async () => {
    const { queue } = aQueue();
    queue.add("a", "Low");
    queue.add("b", "Low");
    queue.add("b", "Urgent");
    queue.add("b", "Low");
    expect(await queue.take()).toEqual({ key: "b", lane: "Urgent" });
    expect(await queue.take()).toEqual({ key: "a", lane: "Low" });
  });

  it("gives a delayed key when its time has come; the earliest of several times wins", async () => {
    const { clock, queue } = aQueue();
    queue.addAfter("a", 5_000);
    queue.addAfter("a", 1_000);
    queue.addAfter("a", 9_000);
    await clock.advance(998);
    expect({ depth: queue.depth, delayed: queue.delayed }).toEqual({ depth: 0, delayed: 1 });
    await clock.advance(2);
    expect({ depth: queue.depth, delayed: queue.delayed }).toEqual({ depth: 1, delayed: 0 });
    expect(clock.pending).toBe(0);
  });

  it("forgets the delay of a key that is added at once", async () => {
    const { clock, queue } = aQueue();
    queue.addAfter("a", 1_000);
    queue.add("a");
    expect(await drain(queue)).toEqual(["a"]);
    await clock.advance(2_000);
    expect(queue.depth).toBe(0);
  });

  it("keeps a delay that is longer than a timer can count", async () => {
    const { clock, queue } = aQueue();
    const days = 24 * 3_600_000;
    queue.addAfter("a", 30 * days);
    await clock.advance(29 * days);
    expect(queue.depth).toBe(0);
    await clock.advance(days);
    expect(queue.depth).toBe(1);
  });

  it("doubles the delay with every failure in a row, up to 300 s, and starts again after forget", () => {
    const { queue } = aQueue();
    const delays = Array.from({ length: 14 }, () => queue.addRateLimited("a"));
    expect(delays.slice(0, 5)).toEqual([100, 200, 400, 800, 1_600]);
    expect(delays.slice(-2)).toEqual([300_000, 300_000]);
    queue.forget("a");
    expect(queue.addRateLimited("a")).toBe(100);
  });

  it("ends waiting and later takers when it is closed, and takes nothing in any more", async () => {
    const { clock, queue } = aQueue();
    const waiting = queue.take();
    queue.addAfter("b", 10);
    queue.close();
    queue.add("a");
    await clock.advance(20);
    expect([await waiting, await queue.take(), queue.depth, clock.pending]).toEqual([undefined, undefined, 0, 0]);
  });

  it("drops what it has when it is closed, and begins again when it is opened", async () => {
    const { clock, queue } = aQueue();
    queue.add("a");
    queue.addAfter("b", 10);
    queue.addRateLimited("c");
    queue.close();
    expect([queue.depth, queue.delayed, queue.failures("c"), clock.pending]).toEqual([0, 0, 0, 0]);
    queue.open();
    queue.add("d");
    expect(await drain(queue)).toEqual(["d"]);
  });

  it("gives every fourth turn to what is new, however much news there is", async () => {
    const { queue } = aQueue();
    for (let index = 0; index < 30; index++) queue.add(`news-${index}`);
    for (let index = 0; index < 3; index++) queue.add(`new-${index}`, "Normal");
    const order = await drain(queue);
    expect([0, 1, 2].map((index) => order.indexOf(`new-${index}`))).toEqual([3, 7, 11]);
  });

  it("lets news wait for an eighth of the time that one new object takes, while hundreds of those wait", async () => {
    const { newsWaitsMs, elapsedMs } = await burst({ busyNamespace: false });
    newsWaitsMs.sort((a, b) => a - b);
    expect(newsWaitsMs[newsWaitsMs.length / 2]).toBeLessThanOrEqual(NEW_MS / 8);
    // Four workers of sixteen are always theirs, and all of them while there is no news.
    expect(elapsedMs).toBeLessThan((NEW_OBJECTS * NEW_MS) / 4);
  });

  it("lets a namespace that has been changed all over for a minute cost hundreds of new objects of another at most half as much time again", async () => {
    const [beside, without] = [await burst({ busyNamespace: true }), await burst({ busyNamespace: false })];
    expect(beside.elapsedMs / without.elapsedMs).toBeLessThanOrEqual(1.5);
    expect(beside.busyTurns).toBeGreaterThan(NEW_OBJECTS);
  });

  it.each<{ lane: Lane; what: string; workers: number }>([
    { lane: "Low", what: "all workers but one while others are only in the low lane", workers: 15 },
    { lane: "Normal", what: "a quarter of them while another has new objects", workers: 4 },
  ])("lets the news of one namespace hold $what", async ({ lane, workers }) => {
    const { queue } = aQueue();
    for (let index = 0; index < 32; index++) {
      queue.add(`busy/${index}`);
      queue.add(`other/${index}`, lane);
    }
    const taken = await Promise.all(Array.from({ length: 16 }, () => queue.take()));
    expect(taken.filter((next) => next?.key.startsWith("busy/"))).toHaveLength(workers);
  });

  it("lets no key starve: whatever else is added, it is taken after a number of turns that only grows with those before it", async () => {
    const lane = fc.constantFrom<Lane>("Urgent", "Normal", "Low");
    const key = fc.tuple(fc.nat(3), fc.nat(5)).map(([namespace, name]) => `n${namespace}/${name}`);
    const before = fc.uniqueArray(key, { maxLength: 12 });
    const flood = fc.infiniteStream(fc.record({ key, lane }));
    await fc.assert(
      fc.asyncProperty(before, lane, flood, async (earlier, victimLane, others) => {
        const { queue } = aQueue();
        for (const each of earlier) queue.add(each, victimLane);
        queue.add("victim/one", victimLane);
        const limit = 16 * 8 * (earlier.length + 2);
        for (let turn = 1; ; turn++) {
          for (let added = 0; added < 2; added++) {
            const next = others.next().value;
            if (next !== undefined) queue.add(next.key, next.lane);
          }
          const taken = await queue.take();
          queue.done(taken?.key ?? "");
          if (taken?.key === "victim/one") break;
          expect(turn).toBeLessThan(limit);
        }
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    { who: "a namespace that was busy lately", busyTurns: 500, atMost: 1.25 },
    { who: "a namespace that begins at the same time", busyTurns: 0, atMost: 2.25 },
  ])("lets 5,000 keys of $who cost 200 others at most $atMost times as many turns", async ({ busyTurns, atMost }) => {
    const { queue } = aQueue();
    for (let index = 0; index < 5_000; index++) queue.add(`busy/${index}`);
    const takeOne = async (): Promise<string> => {
      const { key } = (await queue.take()) ?? { key: "" };
      queue.done(key);
      if (key.startsWith("busy/")) queue.add(key); // it never rests
      return key;
    };
    for (let turn = 0; turn < busyTurns; turn++) await takeOne();
    for (let index = 0; index < 200; index++) queue.add(`quiet/${index}`);
    let turns = 0;
    for (let left = 200; left > 0; turns++) if ((await takeOne()).startsWith("quiet/")) left--;
    expect(turns / 200).toBeLessThanOrEqual(atMost);
  });

  it("never gives one key twice at once, and loses none: whatever is done to it", async () => {
    const key = fc.constantFrom("one/a", "one/b", "two/a", "three/a");
    const lane = fc.constantFrom<Lane>("Urgent", "Normal", "Low");
    const step = fc.oneof(
      fc.record({ do: fc.constant("add" as const), key, lane }),
      fc.record({ do: fc.constant("addAfter" as const), key, lane, ms: fc.nat(50) }),
      fc.record({ do: fc.constant("addRateLimited" as const), key, lane }),
      fc.record({ do: fc.constant("take" as const) }),
      fc.record({ do: fc.constant("done" as const) }),
      fc.record({ do: fc.constant("advance" as const), ms: fc.nat(100) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { clock, queue } = aQueue();
        const running: string[] = [];
        const owed = new Set<string>(); // keys added since they were last taken
        const taken = (key: string): void => {
          expect(running).not.toContain(key);
          running.push(key);
          owed.delete(key);
        };
        for (const action of steps) {
          if (action.do === "add") owed.add(action.key);
          if (action.do === "add") queue.add(action.key, action.lane);
          if (action.do === "addAfter") queue.addAfter(action.key, action.ms, action.lane);
          if (action.do === "addRateLimited") queue.addRateLimited(action.key, action.lane);
          if (action.do === "take") void queue.take().then((next) => next === undefined || taken(next.key));
          if (action.do === "advance") await clock.advance(action.ms);
          const ended = action.do === "done" ? running.shift() : undefined;
          if (ended !== undefined) queue.done(ended);
          await Promise.resolve();
        }
        for (let rounds = 0; rounds < 50 && (running.length > 0 || queue.depth > 0); rounds++) {
          for (const key of running.splice(0)) queue.done(key);
          if (queue.depth > 0) void queue.take().then((next) => next === undefined || taken(next.key));
          await settle();
        }
        expect([...owed]).toEqual([]);
        expect(queue.processing).toBe(0);
      }),
      { numRuns: 150 },
    );
  });
});
