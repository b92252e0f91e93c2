import type { Decision } from "./decision.ts";
import type { Observed } from "./observed.ts";
import { planFor } from "./plan.ts";
import { standBackSeconds } from "./server-metadata.ts";
import type { DecisionSettings } from "./settings.ts";
import { statusOf } from "./status.ts";

/**
 * Decides about one server: which writes, which status, and when to look again although nothing happens.
 *
 * Guarantees: the same input gives the same decision; once a plan is carried out and seen, the next one is empty.
 */
export function decide(observed: Observed, settings: DecisionSettings, now: Date): Decision {
  const { plan, facts } = planFor(observed, settings, now);
  const { status, events, checkAgainSeconds } = statusOf(observed, facts, settings, now);
  const standBack = standBackSeconds(observed.server, now);
  const times = [checkAgainSeconds, standBack > 0 ? standBack : undefined].filter((time) => time !== undefined);
  const outcome =
    times.length === 0
      ? { kind: "Settled" as const }
      : { kind: "CheckAgain" as const, afterSeconds: Math.min(...times) };
  return { plan, status, events, outcome };
}
