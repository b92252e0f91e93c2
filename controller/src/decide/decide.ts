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
  if (standBack > 0) {
    // Its other fields are the predecessor's while it runs: it would write them again, and we would, without an end.
    const { conditions = [] } = status;
    const told = { ...observed.server.status, conditions, observedGeneration: observed.server.metadata.generation };
    return { plan, status: told, events, outcome: { kind: "CheckAgain", afterSeconds: standBack } };
  }
  const outcome =
    checkAgainSeconds === undefined
      ? { kind: "Settled" as const }
      : { kind: "CheckAgain" as const, afterSeconds: checkAgainSeconds };
  return { plan, status, events, outcome };
}
