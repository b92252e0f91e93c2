import { describe, expect, it } from "vitest";
import { initialWatchState, nextWatchState, watchPauseMs, type WatchSignal, type WatchState } from "./watch-state.ts";

const streaming = initialWatchState;
const listing: WatchState = { ...initialWatchState, phase: { kind: "Listing" } };
const watching: WatchState = { ...initialWatchState, phase: { kind: "Watching", resourceVersion: "7" } };
const checking: WatchState = { ...initialWatchState, phase: { kind: "Checking", resourceVersion: "7" } };
const inTrouble: WatchState = { ...watching, failures: 3 };
const refused: WatchState = { ...watching, streamRefused: true };

const failed: WatchSignal = { kind: "Failed", sinceLastFailureMs: 1_000 };
const afterAMinute: WatchSignal = { kind: "Ended", afterMs: 60_000, events: 0 };

describe("nextWatchState", () => {
  it.each([
    {
      from: "a stream",
      state: streaming,
      signal: "all is seen",
      on: { kind: "Synced", resourceVersion: "9" },
      to: "Watching 9",
    },
    {
      from: "a stream",
      state: streaming,
      signal: "an event on the way",
      on: { kind: "Progress", resourceVersion: "9" },
      to: "Streaming",
    },
    { from: "a stream", state: streaming, signal: "refused", on: { kind: "StreamRefused" }, to: "Listing" },
    { from: "a stream", state: streaming, signal: "silence", on: { kind: "Stalled" }, to: "Listing" },
    {
      from: "a stream",
      state: streaming,
      signal: "an end before all is seen",
      on: afterAMinute,
      to: "Listing after a pause",
    },
    { from: "a stream", state: streaming, signal: "a failure", on: failed, to: "Streaming after a pause" },
    {
      from: "a list",
      state: listing,
      signal: "all is seen",
      on: { kind: "Synced", resourceVersion: "9" },
      to: "Watching 9",
    },
    { from: "a list", state: listing, signal: "a failure", on: failed, to: "Listing after a pause" },
    { from: "a list", state: listing, signal: "an expired page", on: { kind: "Gone" }, to: "Streaming" },
    {
      from: "a watch",
      state: watching,
      signal: "an event",
      on: { kind: "Progress", resourceVersion: "8" },
      to: "Watching 8",
    },
    { from: "a watch", state: watching, signal: "its end", on: afterAMinute, to: "Watching 7" },
    {
      from: "a watch",
      state: watching,
      signal: "its end at once with events",
      on: { kind: "Ended", afterMs: 5, events: 1 },
      to: "Watching 7",
    },
    {
      from: "a watch",
      state: watching,
      signal: "its end at once without events",
      on: { kind: "Ended", afterMs: 5, events: 0 },
      to: "Watching 7 after a pause",
    },
    { from: "a watch", state: watching, signal: "silence", on: { kind: "Stalled" }, to: "Checking 7" },
    { from: "a watch", state: watching, signal: "a failure", on: failed, to: "Checking 7 after a pause" },
    { from: "a check", state: checking, signal: "a failure", on: failed, to: "Checking 7 after a pause" },
    { from: "a check", state: checking, signal: "a version as new", on: { kind: "Checked" }, to: "Watching 7" },
    { from: "a check", state: checking, signal: "an older version", on: { kind: "Gone" }, to: "Streaming" },
    { from: "a watch", state: watching, signal: "a forgotten version", on: { kind: "Gone" }, to: "Streaming" },
    {
      from: "a watch after failures",
      state: inTrouble,
      signal: "a forgotten version",
      on: { kind: "Gone" },
      to: "Streaming after a pause",
    },
    {
      from: "a watch without streams",
      state: refused,
      signal: "a forgotten version",
      on: { kind: "Gone" },
      to: "Listing",
    },
    { from: "a watch", state: watching, signal: "the stop", on: { kind: "Stop" }, to: "Stopped" },
    { from: "a list", state: listing, signal: "the stop", on: { kind: "Stop" }, to: "Stopped" },
    { from: "a stream", state: streaming, signal: "the stop", on: { kind: "Stop" }, to: "Stopped" },
  ] as const)("$from, then $signal → $to", ({ state, on, to }) => {
    const { phase, pause } = nextWatchState(state, on);
    const version = "resourceVersion" in phase ? ` ${phase.resourceVersion}` : "";
    expect(`${phase.kind}${version}${pause ? " after a pause" : ""}`).toBe(to);
  });

  it.each<{ kind: string; signal: WatchSignal }>([
    { kind: "Failed", signal: failed },
    { kind: "Gone", signal: { kind: "Gone" } },
    { kind: "Synced", signal: { kind: "Synced", resourceVersion: "1" } },
  ])("nothing leads out of Stopped: not $kind", ({ signal }) => {
    const stopped = nextWatchState(watching, { kind: "Stop" });
    expect(nextWatchState(stopped, signal)).toBe(stopped);
  });

  it.each([
    { after: "another failure", signal: failed, failures: 4 },
    {
      after: "a failure after two quiet minutes",
      signal: { kind: "Failed", sinceLastFailureMs: 120_000 },
      failures: 1,
    },
    { after: "a watch that ended in good order", signal: afterAMinute, failures: 0 },
    { after: "an event", signal: { kind: "Progress", resourceVersion: "8" }, failures: 3 },
  ] as const)("three failures, then $after → $failures in a row", ({ signal, failures }) => {
    expect(nextWatchState(inTrouble, signal).failures).toBe(failures);
  });
});

describe("watchPauseMs", () => {
  it.each([
    { failures: 1, random: 0, retryAfterMs: undefined, waits: 800 },
    { failures: 1, random: 1, retryAfterMs: undefined, waits: 1_600 },
    { failures: 3, random: 0, retryAfterMs: undefined, waits: 3_200 },
    { failures: 50, random: 0, retryAfterMs: undefined, waits: 30_000 },
    { failures: 1, random: 0, retryAfterMs: 5_000, waits: 5_000 },
  ])("$failures failures, Retry-After $retryAfterMs ms → $waits ms", ({ failures, random, retryAfterMs, waits }) => {
    expect(watchPauseMs(failures, retryAfterMs, () => random)).toBe(waits);
  });
});
