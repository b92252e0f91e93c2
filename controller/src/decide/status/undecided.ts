import { condition, type Condition } from "@amalthea/api";
import type { Decision } from "../decision.ts";
import type { Observed } from "../live/observed.ts";
import { kubernetesTime } from "../values/time.ts";

/** Only a change of the server or of the controller can help. */
const RETRY_SECONDS = 600;

/**
 * What is decided where the code that decides fails: nothing is written but the condition, and it is not tried again soon.
 *
 * @param error Only its name is told: its message may quote the spec.
 */
export function undecided({ server }: Observed, error: unknown, now: Date): Decision {
  const { generation } = server.metadata;
  const previous = server.status?.conditions ?? [];
  const context = { now: kubernetesTime(now), generation, previous };
  const detail = error instanceof Error ? error.name : "Error";
  const stalled = condition("Stalled", "True", "DecisionFailed", { detail }, context);
  const others = previous.filter(({ type }: Condition) => type !== "Stalled" && type !== "Reconciling");
  return {
    plan: [],
    status: { state: "failed", ...server.status, conditions: [...others, stalled], observedGeneration: generation },
    events: [],
    outcome: { kind: "CheckAgain", afterSeconds: RETRY_SECONDS },
    error,
  };
}
