import type { Pod } from "kubernetes-types/core/v1.js";
import { describe, expect, it } from "vitest";
import type { ObservedSecret } from "../decide/live/observed.ts";
import { type PodView, SecretMemory } from "./secret-memory.ts";

const present: ObservedSecret = { kind: "Present", uid: "s", keys: [], contentHash: "h" };
const nothing: PodView = { pod: undefined, events: [] };

function podView(uid: string, waiting?: string): PodView {
  const state = waiting === undefined ? { running: {} } : { waiting: { reason: waiting } };
  const status = {
    containerStatuses: [{ name: "c", ready: waiting === undefined, state, image: "", imageID: "", restartCount: 0 }],
  };
  return { pod: { metadata: { uid }, status } as Pod, events: [] };
}

/** What the memory knows once it was told of the server's pod. */
function recallAfter(memory: SecretMemory, world: PodView, nowMs: number): ObservedSecret["kind"] {
  memory.podSeen("u", world.pod?.metadata?.uid);
  return memory.recall("u", world, nowMs).kind;
}

describe("SecretMemory", () => {
  it.each([
    { circumstance: "there is still no pod", after: nothing, recalls: "Present" },
    { circumstance: "its first pod appears", after: podView("p1"), recalls: "Present" },
  ])("of a server without a pod when $circumstance → $recalls", ({ after, recalls }) => {
    const memory = new SecretMemory();
    memory.remember("u", present, undefined, 0);
    expect(recallAfter(memory, after, 1)).toBe(recalls);
  });

  it.each([
    { circumstance: "the same pod is there", after: podView("p1"), atMs: 1, recalls: "Present" },
    { circumstance: "another pod took its place", after: podView("p2"), atMs: 1, recalls: "Unknown" },
    { circumstance: "its pod is gone", after: nothing, atMs: 1, recalls: "Unknown" },
    {
      circumstance: "the pod soon misses a part",
      after: podView("p1", "CreateContainerConfigError"),
      atMs: 9_999,
      recalls: "Present",
    },
    {
      circumstance: "the pod misses a part",
      after: podView("p1", "CreateContainerConfigError"),
      atMs: 10_000,
      recalls: "Unknown",
    },
    {
      circumstance: "the pod pulls its image",
      after: podView("p1", "ImagePullBackOff"),
      atMs: 10_000,
      recalls: "Present",
    },
  ])("of a server with a pod when $circumstance → $recalls", ({ after, atMs, recalls }) => {
    const memory = new SecretMemory();
    memory.remember("u", present, "p1", 0);
    expect(recallAfter(memory, after, atMs)).toBe(recalls);
  });

  it("looks again when the next pod starts, also after the first one that it saw itself", () => {
    const memory = new SecretMemory();
    memory.remember("u", present, undefined, 0);
    memory.podSeen("u", "p1");
    expect(recallAfter(memory, podView("p2"), 2)).toBe("Unknown");
  });

  it("knows nothing of a server that it was not told about", () => {
    expect(new SecretMemory().recall("u", nothing, 0).kind).toBe("Unknown");
  });
});
