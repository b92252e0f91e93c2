import { describe, expect, it } from "vitest";
import { isOver, mustSend, seenAgain, takeToken, type TokenBucket } from "./event-series.ts";

const minute = 60_000;

describe("mustSend", () => {
  it.each([
    { series: "nothing new", count: 2, sentCount: 2, lastSentMs: 0, nowMs: 60 * minute, sends: false },
    { series: "the second occurrence", count: 2, sentCount: 1, lastSentMs: 0, nowMs: 1, sends: true },
    { series: "the third right after", count: 3, sentCount: 2, lastSentMs: 0, nowMs: 1, sends: false },
    { series: "more after five minutes", count: 9, sentCount: 2, lastSentMs: 0, nowMs: 5 * minute, sends: true },
    {
      series: "the last count when it is over",
      count: 9,
      sentCount: 8,
      lastSentMs: 2 * minute,
      nowMs: 6 * minute,
      sends: true,
    },
  ])("$series → $sends", ({ count, sentCount, lastSentMs, nowMs, sends }) => {
    expect(mustSend({ count, sentCount, lastSeenMs: 0, lastSentMs }, nowMs)).toBe(sends);
  });
});

describe("isOver", () => {
  it.each([
    { ms: 6 * minute - 1, over: false },
    { ms: 6 * minute, over: true },
  ])("not seen for $ms ms → $over", ({ ms, over }) => {
    const series = seenAgain({ count: 1, sentCount: 1, lastSeenMs: -99, lastSentMs: 0 }, 0);
    expect(isOver(series, ms)).toBe(over);
    expect(series.count).toBe(2);
  });
});

describe("takeToken", () => {
  it("gives 25 at once, then one every five minutes", () => {
    let bucket: TokenBucket | undefined;
    for (let taken = 0; taken < 25; taken++) bucket = takeToken(bucket, 0);
    expect(bucket).toBeDefined();
    expect(takeToken(bucket, 5 * minute - 1)).toBeUndefined();
    expect(takeToken(bucket, 5 * minute)).toBeDefined();
  });
});
