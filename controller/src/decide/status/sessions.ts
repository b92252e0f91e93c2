import type { ReasonWithValues } from "@amalthea/api";
import type { Observed } from "../live/observed.ts";
import { activePod } from "../live/pod.ts";

const REASON = "SessionsNotRenewed";

/**
 * That the provider renews no session of a login. The pod tells it with its activity, which is asked for when an idle limit
 * is near and for nothing else; until another answer says otherwise, what the status said of the same pod holds.
 */
export function sessionWarnings(observed: Observed): readonly ReasonWithValues[] {
  return areRenewed(observed) === false ? [{ reason: REASON, values: {} }] : [];
}

/** Undefined while nobody knows. */
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
