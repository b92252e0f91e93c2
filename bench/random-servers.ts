import { step } from "@amalthea/cluster";
import fc from "fast-check";
import {
  type FirstReconcile,
  type FirstReconciles,
  startFirstReconciles,
} from "../test/integration/plans/first-reconcile.ts";
import type { Measurement } from "./report.ts";

/** Calls of the API server overlap, so that its answers are not waited for one by one. */
const CONCURRENT = 4;

/** How many of the failures are told in full. */
const TOLD_FAILURES = 5;

/**
 * What the controller does with random servers that follow the schema of the CRD: children that the API server accepts
 * in a dry run, or a status that says why not.
 *
 * @param servers How many are generated; those that the CRD rejects count.
 * @param seed Gives the same servers again.
 */
export async function randomServers(
  { servers, seed }: { readonly servers: number; readonly seed: number },
  signal: AbortSignal,
): Promise<readonly Measurement[]> {
  const firstReconciles = await startFirstReconciles();
  try {
    const title = `${servers} random servers of seed ${seed} tried`;
    const tally = await step(console.log, title, async (waitingFor) => {
      const specs = fc.sample(firstReconciles.specs, { numRuns: servers, seed });
      return await tryAll(firstReconciles, specs, (left) => waitingFor(`${left} of them`), signal);
    });
    return measurementsOf(tally, seed);
  } finally {
    await firstReconciles.stop();
  }
}

/** What became of the servers, counted. */
export type Tally = { readonly results: readonly FirstReconcile[]; readonly failures: readonly string[] };

async function tryAll(
  firstReconciles: FirstReconciles,
  specs: readonly unknown[],
  tell: (left: number) => void,
  signal: AbortSignal,
): Promise<Tally> {
  const results: FirstReconcile[] = [];
  const failures: string[] = [];
  const waiting = specs.values();
  const tryNext = async (): Promise<void> => {
    for (const spec of waiting) {
      signal.throwIfAborted();
      try {
        results.push(await firstReconciles.of(spec));
      } catch (error) {
        failures.push(`${String(error)} for ${JSON.stringify(spec)}`);
      }
      tell(specs.length - results.length - failures.length);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT }, tryNext));
  return { results, failures };
}

/** The figures of a run. */
export function measurementsOf({ results, failures }: Tally, seed: number): readonly Measurement[] {
  const [whole, stalled] = [results.filter(isOf("Whole")), results.filter(isOf("Stalled"))];
  const admitted = whole.length + stalled.length + failures.length;
  const children = [...whole, ...stalled].reduce((sum, result) => sum + result.children, 0);
  const reasons = Object.entries(Object.groupBy(stalled, ({ reason }) => reason))
    .map(([reason, { length } = []]) => ({ reason, count: length ?? 0 }))
    .toSorted((left, right) => right.count - left.count);
  return [
    {
      what: "random servers that the CRD accepts",
      measured: admitted,
      detail: `of ${results.length + failures.length}; seed ${seed}`,
    },
    { what: "those whose children the API server accepts", measured: whole.length },
    {
      what: "those whose status says why they stall",
      measured: stalled.length,
      detail: reasons.map(({ reason, count }) => `${count} × ${reason}`).join(", "),
    },
    { what: "children that the API server accepts", measured: children },
    {
      what: "exceptions, and children refused without a word in the status",
      measured: failures.length,
      atMost: 0,
      detail: failures.slice(0, TOLD_FAILURES).join("\n      "),
    },
  ];
}

function isOf<K extends FirstReconcile["kind"]>(
  kind: K,
): (result: FirstReconcile) => result is Extract<FirstReconcile, { kind: K }> {
  return (result): result is Extract<FirstReconcile, { kind: K }> => result.kind === kind;
}
