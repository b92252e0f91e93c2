import type { ReasonWithValues } from "@amalthea/api";
import type { Observed } from "../live/observed.ts";
import { activePod } from "../live/pod.ts";

const REASON = "SessionsNotRenewed";

/**
 * Whether the provider fails to renew sessions. The pod reports it with its activity, which is polled only when an idle
 * limit is near; until another report says otherwise, what the status said of the same pod holds.
 */
export function sessionWarnings(observed: Observed): readonly ReasonWithValues[] {
  return areRenewed(observed) === false ? [{ reason: REASON, values: {} }] : [];
}

/** Undefined while unknown. */
function areRenewed(observed: Observed): boolean | undefined {
  const { activity } = observed;
  if (activePod(observed) === undefined) return undefined;
  const told = activity.kind === "Answered" ? activity.report.proxy?.sessionsRenewed : undefined;
  return told ?? (wasTold(observed) ? false : undefined);
}

function wasTold({ server: { status }, pod }: Observed): boolean {
  const isOfThisPod = status?.mainPod?.uid === pod?.metadata.uid;
  return isOfThisPod && (status?.conditions?.some(({ reason }) => reason === REASON) ?? false);
}
