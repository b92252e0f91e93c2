import type { JupyterServerStatus } from "@amalthea/api";
import type { Decision } from "./decision.ts";
import { effectiveServer } from "./effective-server.ts";
import type { Observed } from "./live/observed.ts";
import { withCull } from "./plan/cull.ts";
import { planFor } from "./plan/plan.ts";
import type { DecisionSettings } from "./settings.ts";
import { statusOf } from "./status/status.ts";
import { undecided } from "./status/undecided.ts";
import { earliest } from "./values/time.ts";

/**
 * Decides about one server: which writes, which status, and when to reconcile again without an event.
 *
 * Guarantees: the same input gives the same decision; once a plan is carried out and seen, the next one is empty. It
 * does not throw: a bug becomes a condition of the one server that triggers it.
 */
export function decide(seen: Observed, settings: DecisionSettings, now: Date): Decision {
  try {
    return decided(seen, settings, now);
  } catch (error) {
    return undecided(seen, error, now);
  }
}

function decided(seen: Observed, settings: DecisionSettings, now: Date): Decision {
  const observed = { ...seen, server: effectiveServer(seen.server, settings) };
  const { plan, facts, checkAgainSeconds } = planFor(observed, settings, now);
  const told = statusOf(observed, facts, settings, now);
  const isBackingOff = facts.problems.some(({ kind }) => kind === "PredecessorRunning");
  const afterSeconds = earliest(checkAgainSeconds, isBackingOff ? undefined : told.checkAgainSeconds);
  const { due, question } = told.culling;
  return {
    plan: isBackingOff ? plan : withCull(plan, due, { observed, settings, now }),
    ...(question === undefined || isBackingOff ? {} : { question }),
    status: isBackingOff ? conditionsOnly(observed, told.status) : told.status,
    events: told.events,
    outcome: afterSeconds === undefined ? { kind: "Settled" } : { kind: "CheckAgain", afterSeconds },
  };
}

/** The other fields belong to the legacy controller while it runs: both would overwrite each other endlessly. */
function conditionsOnly({ server }: Observed, { conditions = [] }: JupyterServerStatus): JupyterServerStatus {
  return { ...server.status, conditions, observedGeneration: server.metadata.generation };
}
