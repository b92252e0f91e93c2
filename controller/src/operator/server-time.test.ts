import { FakeClock } from "@amalthea/kube/testing";
import { describe, expect, it } from "vitest";
import { ServerTime } from "./server-time.ts";

describe("the clock of the controller", () => {
  it("is ahead while the latest answer of the API server is from more than a minute ago by it", () => {
    const clock = new FakeClock();
    const time = new ServerTime(clock);
    const heard = (secondsAgo: number): boolean => {
      const serverTime = new Date(clock.now().getTime() - secondsAgo * 1000 - 30_000);
      time.heard({ serverTime, durationMs: 30_000, group: "" });
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
    time.heard({ serverTime: undefined, durationMs: 0, group: "" });
    time.heard({ serverTime: clock.now(), durationMs: 0, group: "metrics.k8s.io" });
    expect(time.isOursAhead()).toBe(true);
  });
});
