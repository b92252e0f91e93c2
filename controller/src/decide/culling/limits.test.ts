import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { aServer, ago, NOW } from "../testing/builders.ts";
import { DEFAULT_CULLING, NO_LIMITS } from "./culling-settings.ts";
import { deadlineOf } from "./limits.ts";

const since = ago(100);
const later = (seconds: number): Date => new Date(since.getTime() + seconds * 1000);

type Others = { default?: number; most?: number; keepAliveUntil?: string };

const idleDeadline = (seconds: number, more: Others = {}): Date | undefined => idleLimitOf(seconds, more)?.at;

function idleLimitOf(seconds: number, more: Others): ReturnType<typeof deadlineOf> {
  const { keepAliveUntil } = more;
  const culling = { idleSecondsThreshold: seconds, ...(keepAliveUntil === undefined ? {} : { keepAliveUntil }) };
  const defaults = { ...NO_LIMITS, Idle: more.default ?? 0 };
  const maximums = { ...NO_LIMITS, Idle: more.most ?? 0 };
  return deadlineOf("Idle", since, aServer({ culling }).spec.culling, { ...DEFAULT_CULLING, defaults, maximums });
}

describe("the deadline of a limit", () => {
  it("is exactly so many seconds after what it counts from", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000_000 }), (seconds) => {
        expect(idleDeadline(seconds)).toEqual(later(seconds));
      }),
    );
  });

  it("is absent where nobody sets a limit", () => expect(idleDeadline(0)).toBeUndefined());

  it("comes from the administrator's default where the server has none", () => {
    expect(idleDeadline(0, { default: 60 })).toEqual(later(60));
    expect(idleDeadline(30, { default: 60 })).toEqual(later(30));
  });

  it("is never later than the administrator's maximum, whatever the server says", () => {
    expect(idleDeadline(0, { most: 60 })).toEqual(later(60));
    expect(idleDeadline(90, { most: 60 })).toEqual(later(60));
    expect(idleDeadline(30, { most: 60, keepAliveUntil: "2099-01-01T00:00:00Z" })).toEqual(later(60));
  });

  it("is not earlier than keepAliveUntil", () => {
    expect(idleDeadline(30, { keepAliveUntil: later(500).toISOString() })).toEqual(later(500));
    expect(idleDeadline(30, { keepAliveUntil: NOW.toISOString() })).toEqual(later(100));
    expect(idleDeadline(30, { keepAliveUntil: later(10).toISOString() })).toEqual(later(30));
  });

  it.each(["tomorrow", "1970-13-01"])("is the administrator's alone with a keepAliveUntil of %j", (keepAliveUntil) => {
    expect(idleDeadline(30, { keepAliveUntil })).toBeUndefined();
    expect(idleDeadline(30, { keepAliveUntil, most: 60 })).toEqual(later(60));
  });

  it("takes no notice of an empty keepAliveUntil", () => {
    expect(idleDeadline(30, { keepAliveUntil: "" })).toEqual(later(30));
  });

  it("is said to be the setting's that it comes from, and the maximum's where nothing in the spec would postpone it", () => {
    expect(idleLimitOf(30, { default: 60, most: 90 })?.setBy).toBe("Server");
    expect(idleLimitOf(0, { default: 60, most: 90 })?.setBy).toBe("Default");
    expect(idleLimitOf(0, { default: 90, most: 60 })?.setBy).toBe("Maximum");
    expect(idleLimitOf(60, { most: 60 })?.setBy).toBe("Maximum");
  });

  it("is absent beyond the end of all calendars", () => expect(idleDeadline(Number.MAX_SAFE_INTEGER)).toBeUndefined());
});
