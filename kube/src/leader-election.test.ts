import type { Lease } from "kubernetes-types/coordination/v1.js";
import { describe, expect, it } from "vitest";
import { fenced, type KubeClient } from "./client.ts";
import { type Clock, untilAborted } from "./clock.ts";
import { ApiError, ConnectionError, LeadershipLostError, NotLeaderError } from "./errors.ts";
import { LeaderElection } from "./leader-election.ts";
import { kinds } from "./kinds.ts";
import type { Live } from "./objects.ts";
import { FakeClock, settle } from "./testing/fake-clock.ts";

/** A Lease that is written with optimistic locking, on a path that can be cut. The real API server: test/integration. */
class OneLease {
  lease: Live<Lease> | undefined;
  reachable = true;
  /** What a write waits for after it has been made, as does the path back from a slow server. */
  answers: Promise<void> = Promise.resolve();
  readonly client: KubeClient;

  constructor() {
    const write = async (_: unknown, manifest: Lease, __: object, signal: AbortSignal): Promise<Live<Lease>> => {
      this.#check();
      const expected = manifest.metadata?.resourceVersion;
      if (expected !== this.lease?.metadata.resourceVersion)
        throw new ApiError("write", { code: 409, reason: "Conflict" });
      const resourceVersion = String(Number(expected ?? 0) + 1);
      const identity = { name: "l", uid: "u", creationTimestamp: "2026-01-01T00:00:00Z" };
      this.lease = { ...manifest, metadata: { ...identity, ...manifest.metadata, resourceVersion } } as Live<Lease>;
      const written = this.lease;
      await Promise.race([this.answers, untilAborted(signal)]);
      signal.throwIfAborted();
      return written;
    };
    const find = async (): Promise<Live<Lease> | undefined> => {
      this.#check();
      return this.lease;
    };
    this.client = { find, create: write, replace: write } as unknown as KubeClient; // an election calls nothing else
  }

  #check(): void {
    if (!this.reachable) throw new ConnectionError("cut");
  }
}

type Candidate = { readonly election: LeaderElection; readonly ended: Promise<unknown>; readonly stop: () => void };

function candidate(server: OneLease, clock: Clock, identity: string): Candidate {
  const lease = { namespace: "ns", name: "l" };
  const election = new LeaderElection({ client: server.client, lease, identity, clock, random: () => 0 });
  const controller = new AbortController();
  const ended = election.run(controller.signal).catch((error: unknown) => error);
  return { election, ended, stop: () => controller.abort(new Error("stopped")) };
}

describe("LeaderElection", () => {
  it("lets the first lead and the second wait, for as long as the first renews", async () => {
    const [server, clock] = [new OneLease(), new FakeClock()];
    const first = candidate(server, clock, "first");
    await settle();
    const second = candidate(server, clock, "second");
    await clock.advance(60_000);
    expect([first.election.isLeader(), second.election.isLeader()]).toEqual([true, false]);
    first.stop();
    second.stop();
    await first.ended;
  });

  it("hands over at once when the leader stops", async () => {
    const [server, clock] = [new OneLease(), new FakeClock()];
    const first = candidate(server, clock, "first");
    await settle();
    const second = candidate(server, clock, "second");
    await clock.advance(4_000);
    first.stop();
    expect(await first.ended).toBeUndefined();
    expect([first.election.isLeader(), server.lease?.spec?.holderIdentity]).toEqual([false, ""]);
    await clock.advance(2_400);
    expect(second.election.isLeader()).toBe(true);
    second.stop();
    await second.ended;
  });

  it.each([
    { write: "takes", beforeMs: 0 },
    { write: "renews", beforeMs: 2_000 },
  ])("gives the Lease back that it $write while it stops", async ({ beforeMs }) => {
    const [server, clock] = [new OneLease(), new FakeClock()];
    const answer = Promise.withResolvers<void>();
    if (beforeMs === 0) server.answers = answer.promise;
    const { ended, stop } = candidate(server, clock, "first");
    await settle();
    server.answers = answer.promise;
    await clock.advance(beforeMs);
    stop();
    answer.resolve();
    expect(await ended).toBeUndefined();
    expect(server.lease?.spec?.holderIdentity).toBe("");
  });

  it("ends 6 seconds after the stop at the latest, though a renewal is under way and nothing is answered", async () => {
    const [server, clock] = [new OneLease(), new FakeClock()];
    const { ended, stop } = candidate(server, clock, "first");
    await settle();
    server.answers = new Promise(() => {});
    await clock.advance(2_000);
    let hasEnded = false;
    void ended.then(() => (hasEnded = true));
    stop();
    await clock.advance(6_000);
    expect(hasEnded).toBe(true);
  });

  it("does not ask the wall clock, whatever it says", async () => {
    const [server, clock] = [new OneLease(), new FakeClock()];
    let wall = new Date("2026-01-01T00:00:00Z");
    const jumping = { now: () => wall, monotonicMs: () => clock.monotonicMs() };
    const timers: Pick<Clock, "setTimeout" | "sleep"> = {
      setTimeout: (callback, delayMs) => clock.setTimeout(callback, delayMs),
      sleep: (delayMs, signal) => clock.sleep(delayMs, signal),
    };
    const first = candidate(server, { ...jumping, ...timers }, "first");
    await settle();
    const second = candidate(server, clock, "second");
    for (const now of ["2036-01-01T00:00:00Z", "1999-01-01T00:00:00Z"]) {
      wall = new Date(now);
      await clock.advance(30_000);
      expect([first.election.isLeader(), second.election.isLeader()]).toEqual([true, false]);
    }
    first.stop();
    second.stop();
    await Promise.all([first.ended, second.ended]);
  });

  it("ends when its Lease was deleted, and says so", async () => {
    const [server, clock] = [new OneLease(), new FakeClock()];
    const { election, ended } = candidate(server, clock, "first");
    await clock.advance(1_000);
    server.lease = undefined;
    await clock.advance(1_000);
    expect(await ended).toMatchObject({ name: "LeadershipLostError", message: "the lease was deleted" });
    expect(election.isLeader()).toBe(false);
  });

  it("stops to lead 10 s after the last renewal, before a follower may begin", async () => {
    const [server, clock] = [new OneLease(), new FakeClock()];
    const { election, ended } = candidate(server, clock, "first");
    await settle();
    server.reachable = false;
    await clock.advance(9_999);
    expect(election.isLeader()).toBe(true);
    await clock.advance(1);
    expect(election.isLeader()).toBe(false);
    expect(await ended).toBeInstanceOf(LeadershipLostError);
  });

  it("never leads again after the process stood still for longer than the deadline", async () => {
    const [server, clock] = [new OneLease(), new FakeClock()];
    const { election, ended } = candidate(server, clock, "first");
    await clock.advance(4_000);
    clock.jump(20_000); // as after SIGSTOP and SIGCONT: no timer ran in between
    expect(election.isLeader()).toBe(false);
    await clock.advance(0);
    expect(await ended).toBeInstanceOf(LeadershipLostError);
    expect(election.isLeader()).toBe(false);
  });

  it("goes at once when somebody else holds the lease", async () => {
    const [server, clock] = [new OneLease(), new FakeClock()];
    const { election, ended } = candidate(server, clock, "first");
    await clock.advance(1_000);
    const metadata = { ...server.lease?.metadata, resourceVersion: "99" };
    server.lease = { metadata, spec: { holderIdentity: "thief", leaseDurationSeconds: 15 } } as Live<Lease>;
    await clock.advance(1_000);
    expect(election.isLeader()).toBe(false);
    expect(await ended).toBeInstanceOf(LeadershipLostError);
  });

  it("goes on after a renewal whose answer was lost", async () => {
    const [server, clock] = [new OneLease(), new FakeClock()];
    const { election, ended, stop } = candidate(server, clock, "first");
    await clock.advance(1_000);
    server.lease = { ...server.lease, metadata: { ...server.lease?.metadata, resourceVersion: "99" } } as Live<Lease>;
    await clock.advance(30_000);
    expect(election.isLeader()).toBe(true);
    stop();
    await ended;
  });

  it.each([{ leaseDurationMs: 10_000 }, { renewDeadlineMs: 2_000 }])("refuses times that cannot work: %o", (times) => {
    const lease = { namespace: "ns", name: "l" };
    expect(() => new LeaderElection({ client: new OneLease().client, lease, identity: "a", ...times })).toThrow(
      RangeError,
    );
  });
});

describe("fenced", () => {
  it.each(["create", "apply", "replace", "patch", "remove"] as const)("refuses %s without the lease", async (verb) => {
    const calls: string[] = [];
    const client = { [verb]: async () => void calls.push(verb) } as unknown as KubeClient;
    const call = async (mayWrite: boolean): Promise<void> => {
      const write = fenced(client, () => mayWrite)[verb] as (...args: unknown[]) => Promise<void>;
      await write(kinds.Pod, {}, {}, {}, new AbortController().signal);
    };
    await expect(call(false)).rejects.toThrow(NotLeaderError);
    expect(calls).toEqual([]);
    await call(true);
    expect(calls).toEqual([verb]);
  });
});
