import type { Condition, JupyterServerStatus } from "@amalthea/api";
import type { ServerEvent } from "../decision.ts";

/** Reasons of `Ready` and `Hibernated` that are worth an Event; a stall has its own, and progress has none. */
const MILESTONES: Readonly<Record<string, ServerEvent["type"]>> = {
  PodReady: "Normal",
  Hibernating: "Normal",
  Hibernated: "Normal",
  Resuming: "Normal",
  Restarting: "Normal",
  Deleting: "Normal",
  NotReady: "Warning",
  NodeLost: "Warning",
};

/** Events for the differences between two statuses; none for a change of wording. */
export function eventsBetween(
  previous: JupyterServerStatus | undefined,
  next: JupyterServerStatus,
): readonly ServerEvent[] {
  return (next.conditions ?? [])
    .filter((condition) => isNews(condition, previous, next))
    .flatMap((condition) => {
      const type = eventType(condition);
      return type === undefined ? [] : [{ type, reason: condition.reason, note: condition.message }];
    });
}

function isNews(condition: Condition, previous: JupyterServerStatus | undefined, next: JupyterServerStatus): boolean {
  const before = previous?.conditions?.find(({ type }) => type === condition.type);
  // 0.24 had no conditions: a server that is taken over as it is has nothing new to tell.
  const isTakeover = previous?.conditions === undefined && ["Ready", "Hibernated"].includes(condition.type);
  if (isTakeover) return previous?.state !== next.state;
  // Another loss has the same reason.
  const isOfOtherLoss = condition.reason === "FilesLost" && previous?.filesLost?.podUid !== next.filesLost?.podUid;
  return before?.status !== condition.status || before.reason !== condition.reason || isOfOtherLoss;
}

function eventType({ type, reason }: Condition): ServerEvent["type"] | undefined {
  switch (type) {
    case "Ready":
    case "Hibernated":
      return MILESTONES[reason];
    case "Reconciling":
      return undefined;
    case "UpdatePending":
      return "Normal";
    default:
      return "Warning";
  }
}
