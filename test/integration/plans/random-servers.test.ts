import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FirstPasses, startFirstPasses } from "./first-pass.ts";

/** `npm run bench -- random-servers` tries more. */
const RUNS = Number(process.env["AMALTHEA_FUZZ_RUNS"] ?? "500");

let firstPasses: FirstPasses;

beforeAll(async () => {
  firstPasses = await startFirstPasses();
});

afterAll(async () => {
  await firstPasses?.stop();
});

describe("any server that the definition admits", () => {
  it("gets children that the API server accepts, or a status that says why not", async () => {
    const counts = { Refused: 0, Stalled: 0, Whole: 0 };
    const property = fc.asyncProperty(firstPasses.specs, async (spec) => {
      counts[(await firstPasses.of(spec)).kind]++;
    });
    await fc.assert(property, { numRuns: RUNS });
    // A generator whose servers are all refused, or all broken, would prove nothing.
    expect(counts.Whole, JSON.stringify(counts)).toBeGreaterThan(RUNS / 20);
    expect(counts.Stalled, JSON.stringify(counts)).toBeGreaterThan(RUNS / 20);
  }, 600_000);
});
