import { condition, type Condition } from "@amalthea/api";
import type { Decision } from "../decision.ts";
import { withReadableStatus } from "../effective-server.ts";
import type { Observed } from "../live/observed.ts";
import { clientTime, kubernetesTime } from "../values/time.ts";

/** Only a change of the server or of the controller can help. */
const RETRY_SECONDS = 600;

/**
 * The decision if the deciding code fails: only the condition is written, and it is not retried soon.
 *
 * @param error Only its name is reported: its message may quote the spec.
 */
export function undecided({ server }: Observed, error: unknown, now: Date): Decision {
  const { generation } = server.metadata;
  const { status: known = {} } = withReadableStatus(server);
  const previous = known.conditions ?? [];
  const context = { now: kubernetesTime(now), generation, previous };
  const detail = error instanceof Error ? error.name : "Error";
  const stalled = condition("Stalled", "True", "DecisionFailed", { detail }, context);
  const ready = condition("Ready", readiness(previous), "DecisionFailed", { detail }, context);
  const others = previous.filter(({ type }) => !["Ready", "Reconciling", "Stalled"].includes(type));
  return {
    plan: [],
    status: {
      ...(known.state === undefined ? { state: "failed", failedSince: clientTime(now) } : {}),
      ...known,
      conditions: [ready, stalled, ...others],
      observedGeneration: generation,
    },
    events: [],
    outcome: { kind: "CheckAgain", afterSeconds: RETRY_SECONDS },
    error,
  };
}

/** Whether the server can still be opened is no longer checked. */
function readiness(previous: readonly Condition[]): "Unknown" | "False" {
  const before = previous.find(({ type }) => type === "Ready")?.status;
  return before === undefined || before === "False" ? "False" : "Unknown";
}
