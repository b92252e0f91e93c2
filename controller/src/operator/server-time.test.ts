import { FakeClock } from "@amalthea/kube/testing";
import { describe, expect, it } from "vitest";
import { ServerTime } from "./server-time.ts";

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/** A clock that was set to another time, and the API server's, which was not. */
function aWorld() {
  const right = new FakeClock();
  const world = { aheadMs: 0 };
  const now = (): Date => new Date(right.now().getTime() + world.aheadMs);
  const time = new ServerTime({ now, monotonicMs: () => right.monotonicMs() });
  const ok = { code: 200, durationMs: 0, group: "" };
  return {
    time,
    advance: (ms: number) => right.advance(ms),
    setAhead: (ms: number) => void (world.aheadMs = ms),
    heardTime: () => time.heard({ ...ok, serverTime: right.now() }),
    heardNoTime: (call: object = {}) => time.heard({ ...ok, serverTime: undefined, ...call }),
  };
}

describe("the clock of the controller", () => {
  it("is ahead while the latest answer of the API server is from more than a minute ago by it", () => {
    const clock = new FakeClock();
    const time = new ServerTime(clock);
    const heard = (secondsAgo: number): boolean => {
      const serverTime = new Date(clock.now().getTime() - secondsAgo * 1000 - 30_000);
      time.heard({ code: 200, serverTime, durationMs: 30_000, group: "" });
      return time.isOursAhead();
    };
    expect([time.isOursAhead(), heard(0), heard(60), heard(61), heard(-86_400)]).toEqual([
      false,
      false,
      false,
      true,
      false,
    ]);
    expect(heard(86_400)).toBe(true);
    time.heard({ code: 200, serverTime: undefined, durationMs: 0, group: "" });
    time.heard({ code: 200, serverTime: clock.now(), durationMs: 0, group: "metrics.k8s.io" });
    expect(time.isOursAhead()).toBe(true);
  });

  it("is not known to be ahead once answers have had no time for ten minutes, as behind a proxy that removes it", async () => {
    const { time, advance, setAhead, heardTime, heardNoTime } = aWorld();
    setAhead(DAY_MS);
    heardTime();
    await advance(10 * MINUTE_MS);
    heardNoTime();
    expect(time.isOursAhead()).toBe(true);
    await advance(1);
    heardNoTime();
    expect(time.isOursAhead()).toBe(false);
    heardTime();
    expect(time.isOursAhead()).toBe(true);
  });

  it("is ahead for as long as there is no answer at all", async () => {
    const { time, advance, setAhead, heardTime, heardNoTime } = aWorld();
    setAhead(DAY_MS);
    heardTime();
    await advance(DAY_MS);
    heardNoTime({ code: 0 });
    heardNoTime({ group: "metrics.k8s.io" });
    expect(time.isOursAhead()).toBe(true);
  });

  it("is ahead as soon as it is set forward, and no more as soon as it is set right, before the next answer", async () => {
    const { time, advance, setAhead, heardTime } = aWorld();
    heardTime();
    await advance(5 * MINUTE_MS);
    expect(time.isOursAhead()).toBe(false);
    setAhead(DAY_MS);
    expect(time.isOursAhead()).toBe(true);
    setAhead(0);
    expect(time.isOursAhead()).toBe(false);
  });
});
