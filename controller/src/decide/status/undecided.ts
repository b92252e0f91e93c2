import { condition, type Condition } from "@amalthea/api";
import type { Decision } from "../decision.ts";
import { withReadableStatus } from "../effective-server.ts";
import type { Observed } from "../live/observed.ts";
import { clientTime, kubernetesTime } from "../values/time.ts";

/** Only a change of the server or of the controller can help. */
const RETRY_SECONDS = 600;

/**
 * What is decided where the code that decides fails: nothing is written but the condition, and it is not tried again soon.
 *
 * @param error Only its name is told: its message may quote the spec.
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

/** Whether what could be opened still can, nobody looks any more. */
function readiness(previous: readonly Condition[]): "Unknown" | "False" {
  const before = previous.find(({ type }) => type === "Ready")?.status;
  return before === undefined || before === "False" ? "False" : "Unknown";
}
