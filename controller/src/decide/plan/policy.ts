import { fieldProblems, policyOf, type Circumstances } from "../children/server-policy.ts";
import type { Desired } from "../children/desired.ts";
import type { Plan } from "../decision.ts";
import { liveStatefulSet } from "../live/child.ts";
import type { Observed } from "../live/observed.ts";
import { judge, recordedViolations, TOKEN_FIELD } from "../policy/policy.ts";
import type { DecisionSettings } from "../settings.ts";

export function circumstancesOf(observed: Observed, settings: DecisionSettings): Circumstances {
  const { namespacePolicy: namespace, ruleTakenBy: takenBy } = observed;
  return { namespace, takenBy, tolerated: recordedViolations(observed, settings.policy) ?? [] };
}

/** The desired state of a server above the limit of its namespace; undefined if it is within. An existing one stays. */
export function beyondServerLimit(observed: Observed, { policy }: DecisionSettings): Desired | undefined {
  const { serversPerNamespace: limit } = policy;
  if (limit === 0 || observed.olderServers < limit || liveStatefulSet(observed) !== undefined) return undefined;
  return { kind: "Unrenderable", problems: [{ kind: "TooManyServers", limit }], warnings: [], secrets: [] };
}

/**
 * The plan without a start of a pod that is not allowed: where no new template can be rendered, the live one is scaled up,
 * which may be older than the policy. Nothing that is running is stopped.
 */
export function withoutForbiddenStart(
  plan: Plan,
  { observed, settings, desired }: { observed: Observed; settings: DecisionSettings; desired: Desired },
): Plan {
  const statefulSet = liveStatefulSet(observed);
  const isStart = plan.some((action) => action.kind === "Scale" && action.replicas === 1);
  if (!isStart || statefulSet === undefined) return plan;
  const owner = { server: observed.server, settings };
  const policy = policyOf(owner, desired.secrets, circumstancesOf(observed, settings));
  const { problems: ofTemplate } = judge([{ childKey: "statefulset", manifest: statefulSet }], policy);
  const ofTokens = desired.problems.filter((problem) => problem.kind === "NotAllowed" && problem.field === TOKEN_FIELD);
  const problems = [...fieldProblems(owner), ...ofTemplate, ...ofTokens];
  return problems.length === 0 ? plan : plan.filter(({ kind }) => kind !== "Scale");
}
