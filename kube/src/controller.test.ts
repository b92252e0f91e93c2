import { describe, expect, it } from "vitest";
import { type ReconcileOutcome, type ReconcileResult, runController } from "./controller.ts";
import { ApiError, ConnectionError, NotLeaderError } from "./errors.ts";
import { FakeClock, settle } from "./testing/fake-clock.ts";
import { WorkQueue } from "./work-queue.ts";

const low = (): number => 0;
const conflict = new ApiError("apply A", { code: 409, reason: "Conflict" });

type Run = {
  readonly clock: FakeClock;
  readonly queue: WorkQueue<string>;
  readonly results: ReconcileResult<string>[];
  readonly ended: Promise<void>;
  readonly stop: () => void;
};

function run(reconcile: (key: string, signal: AbortSignal) => Promise<ReconcileOutcome>, workers = 2): Run {
  const clock = new FakeClock();
  const queue = new WorkQueue<string>({ clock, random: low });
  const results: ReconcileResult<string>[] = [];
  const controller = new AbortController();
  const onResult = (result: ReconcileResult<string>): void => void results.push(result);
  const ended = runController(
    { name: "test", queue, reconcile, workers, clock, random: low, onResult },
    controller.signal,
  );
  return { clock, queue, results, ended, stop: () => controller.abort(new Error("stopped")) };
}

describe("runController", () => {
  it.each<{ outcome: string; reconcile: () => Promise<ReconcileOutcome>; result: string; againMs: number | undefined }>(
    [
      { outcome: "settled", reconcile: async () => ({ kind: "Settled" }), result: "Settled", againMs: undefined },
      {
        outcome: "check again",
        reconcile: async () => ({ kind: "CheckAgain", afterSeconds: 7 }),
        result: "CheckAgain",
        againMs: 7_000,
      },
      { outcome: "a fault", reconcile: async () => Promise.reject(new Error("x")), result: "Failed", againMs: 9_000 },
      {
        outcome: "no answer",
        reconcile: async () => Promise.reject(new ConnectionError("x")),
        result: "Failed",
        againMs: 90,
      },
      { outcome: "a conflict", reconcile: async () => Promise.reject(conflict), result: "Conflict", againMs: 20 },
      {
        outcome: "a name that is taken",
        reconcile: async () => Promise.reject(new ApiError("a", { code: 409, reason: "AlreadyExists" })),
        result: "Failed",
        againMs: 90,
      },
      {
        outcome: "429",
        reconcile: async () => Promise.reject(new ApiError("a", { code: 429, retryAfterMs: 3_000 })),
        result: "Throttled",
        againMs: 3_000,
      },
      {
        outcome: "422",
        reconcile: async () => Promise.reject(new ApiError("a", { code: 422, reason: "Invalid" })),
        result: "Terminal",
        againMs: 600_000,
      },
    ],
  )("$outcome → $result, and again after $againMs ms", async ({ reconcile, result, againMs }) => {
    const { clock, queue, results, stop, ended } = run(reconcile);
    queue.add("a");
    await settle();
    expect(results.map((each) => each.result)).toEqual([result]);
    await clock.advance((againMs ?? 3_600_000) - 2);
    expect(results).toHaveLength(1);
    await clock.advance(2);
    expect(results).toHaveLength(againMs === undefined ? 1 : 2);
    stop();
    await ended;
  });

  it("takes five conflicts in a row for a stale cache, and the sixth for a failure", async () => {
    const { clock, queue, results, stop, ended } = run(async () => Promise.reject(conflict));
    queue.add("a");
    await clock.advance(110);
    expect(results.map((each) => each.result)).toEqual([...Array<string>(5).fill("Conflict"), "Failed"]);
    stop();
    await ended;
  });

  it("ends the signal of a reconcile that takes longer than a minute, and tries again", async () => {
    const { clock, queue, results, stop, ended } = run(
      (_, signal) => new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    );
    queue.add("a");
    await clock.advance(60_000);
    expect(results.map((each) => each.result)).toEqual(["Failed"]);
    stop();
    await ended;
  });

  it("works on as many keys at once as it has workers, and on each only once", async () => {
    const running: string[] = [];
    const release: (() => void)[] = [];
    const { queue, stop, ended } = run(async (key) => {
      running.push(key);
      await new Promise<void>((resolve) => release.push(resolve));
      return { kind: "Settled" };
    });
    for (const key of ["a", "b", "c", "a"]) queue.add(key);
    await settle();
    queue.add("a");
    await settle();
    expect(running).toEqual(["a", "b"]);
    stop();
    for (const resolve of release) resolve();
    await ended;
    expect(running).toEqual(["a", "b"]); // what was waiting is left to the next process
  });

  it("lets a running reconcile end after the stop, but not for longer than the grace period", async () => {
    let aborted = false;
    const { clock, queue, results, stop, ended } = run(
      (_, signal) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener("abort", () => {
            aborted = true;
            reject(signal.reason);
          }),
        ),
    );
    queue.add("a");
    await settle();
    stop();
    await clock.advance(29_999);
    expect(aborted).toBe(false);
    await clock.advance(1);
    await ended;
    expect(results.map((each) => each.result)).toEqual(["Aborted"]);
  });

  it("tells what a reconcile threw before it is tried again, with time for that even at its time limit, though not after the stop", async () => {
    const clock = new FakeClock();
    const queue = new WorkQueue<string>({ clock, random: low });
    const stop = new AbortController();
    const events: string[] = [];
    const untilAborted = (signal: AbortSignal): Promise<never> =>
      new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
    const onFailure = async (key: string, error: unknown, signal: AbortSignal): Promise<void> => {
      events.push(`${key}: ${(error as Error).name}`);
      if (key === "slow") await untilAborted(signal).catch((reason: Error) => events.push(`told: ${reason.name}`));
    };
    const ended = runController(
      {
        ...{ name: "test", queue, reconcile: (_, signal) => untilAborted(signal), onFailure, clock, random: low },
        onResult: ({ key, result }) => void events.push(`${key}: ${result}`),
        gracefulStopMs: 4_000,
      },
      stop.signal,
    );
    queue.add("a");
    await clock.advance(60_000);
    expect(events.splice(0)).toEqual(["a: TimeoutError", "a: Failed"]);
    queue.add("slow");
    await clock.advance(60_000);
    stop.abort(new Error("stopped"));
    await clock.advance(3_999);
    expect(events).toContain("slow: TimeoutError");
    expect(events).not.toContain("told: Error");
    await clock.advance(1);
    await ended;
    expect(events).toContain("told: Error");
  });

  it("outlives a reconcile that throws before it returns a promise", async () => {
    const { queue, results, stop, ended } = run(() => {
      throw new Error("bug");
    });
    queue.add("a");
    await settle();
    expect(results).toMatchObject([{ key: "a", result: "Failed" }]);
    stop();
    await ended;
  });

  it("lets timers and answers have their turn between thousands of reconciles that wait for nothing", async () => {
    const clock = new FakeClock();
    const queue = new WorkQueue<string>({ clock });
    const keys = Array.from({ length: 2_000 }, (_, at) => `a/${at}`);
    for (const key of keys) queue.add(key);
    let reconciled = 0;
    const reconcile = async (): Promise<ReconcileOutcome> => {
      reconciled++;
      return { kind: "Settled" };
    };
    const controller = new AbortController();
    let before = 0;
    setImmediate(() => {
      before = reconciled;
    });
    const everyone = Promise.withResolvers<void>();
    const onResult = (): void => (reconciled === keys.length ? everyone.resolve() : undefined);
    const ended = runController({ name: "test", queue, reconcile, clock, onResult }, controller.signal);
    await everyone.promise;
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThan(100);
    controller.abort();
    await ended;
  });

  it("comes back to a key a second after the lease was lost, and counts no failure", async () => {
    const lost = async (): Promise<ReconcileOutcome> => Promise.reject(new NotLeaderError("not the leader"));
    const { clock, queue, results, ended, stop } = run(lost);
    queue.add("a");
    await settle();
    expect(results).toMatchObject([{ key: "a", result: "Aborted" }]);
    expect(queue.failures("a")).toBe(0);
    await clock.advance(999);
    expect(results).toHaveLength(1);
    await clock.advance(1);
    expect(results).toHaveLength(2);
    stop();
    await ended;
  });
});
