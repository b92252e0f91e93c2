import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FirstReconciles, startFirstReconciles } from "./first-reconcile.ts";

/** `npm run bench -- random-servers` tries more. */
const RUNS = Number(process.env["AMALTHEA_FUZZ_RUNS"] ?? "500");

let firstReconciles: FirstReconciles;

beforeAll(async () => {
  firstReconciles = await startFirstReconciles();
});

afterAll(async () => {
  await firstReconciles?.stop();
});

describe("any server that the CRD accepts", () => {
  it("gets children that the API server accepts, or a status that says why not", async () => {
    const counts = { Refused: 0, Stalled: 0, Whole: 0 };
    const property = fc.asyncProperty(firstReconciles.specs, async (spec) => {
      counts[(await firstReconciles.of(spec)).kind]++;
    });
    await fc.assert(property, { numRuns: RUNS });
    // A generator whose servers are all refused, or all broken, would prove nothing.
    expect(counts.Whole, JSON.stringify(counts)).toBeGreaterThan(RUNS / 20);
    expect(counts.Stalled, JSON.stringify(counts)).toBeGreaterThan(RUNS / 20);
  }, 600_000);
});
