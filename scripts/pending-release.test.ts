import { describe, expect, it } from "vitest";
import { settlePendingRelease } from "./pending-release.ts";

const release = { name: "amalthea", namespace: "ns", timeoutSeconds: 300 };
const { signal } = new AbortController();

/** A kubectl that finds a record of this age, as often as told, and says which verbs it was given. */
function records(ageSeconds: number, times: number): { verbs: string[]; kubectl: () => Promise<string> } {
  const verbs: string[] = [];
  const creationTimestamp = new Date(Date.now() - ageSeconds * 1000).toISOString();
  const kubectl = async ([verb = ""]: readonly string[] = []): Promise<string> => {
    verbs.push(verb);
    return JSON.stringify({ items: verbs.length > times ? [] : [{ metadata: { creationTimestamp } }] });
  };
  return { verbs, kubectl };
}

describe("settlePendingRelease", () => {
  it.each([
    { found: "no helm at work", age: 0, times: 0, isOurs: true, verbs: ["get"] },
    { found: "a helm that ends soon", age: 1, times: 2, isOurs: true, verbs: ["get", "get", "get"] },
    { found: "a dead helm in a cluster of ours", age: 301, times: 9, isOurs: true, verbs: ["get", "get", "delete"] },
    { found: "a dead helm in a cluster of the user's", age: 301, times: 9, isOurs: false, verbs: ["get", "get"] },
  ])("with $found runs kubectl $verbs", async ({ age, times, isOurs, verbs }) => {
    const found = records(age, times);
    await settlePendingRelease({ isOurs, kubectl: found.kubectl }, release, signal);
    expect(found.verbs).toEqual(verbs);
  });
});
