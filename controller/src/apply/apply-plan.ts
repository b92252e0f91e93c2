import type { Action, Plan } from "../decide/decision.ts";
import { isPodApply, POD_NEEDS } from "../decide/plan/children.ts";
import type { ActionResult } from "./action-result.ts";
import { isReplacement, refusedReplacements } from "./dry-run.ts";
import { type ApplyDeps, performAction, type PlanContext } from "./perform-action.ts";

/**
 * Performs the actions of a plan in their order. What the API server refuses permanently (a quota, a permission, a taken
 * name, an invalid object) becomes a result; the following actions continue, except removals. Before anything is
 * replaced, all replacements are tried in a dry run. In a namespace that is being deleted the plan ends.
 *
 * @throws ApiError, ConnectionError for what the queue should retry: the rest of the plan is not performed then.
 */
export async function applyPlan(
  plan: Plan,
  context: PlanContext,
  deps: ApplyDeps,
  signal: AbortSignal,
): Promise<readonly ActionResult[]> {
  const results: ActionResult[] = [];
  const firstReplacement = plan.find(isReplacement);
  for (const action of plan) {
    if (action === firstReplacement) {
      for (const refusal of await refusedReplacements(plan.filter(isReplacement), deps, signal)) {
        deps.record(refusal);
        results.push(refusal);
      }
    }
    const hasFailed = results.some(({ kind }) => kind === "Refused");
    const result: ActionResult =
      (hasFailed && takesAway(action)) || (startsPod(action) && results.some(keepsFromStarting))
        ? { kind: "Skipped", action, because: "AfterFailure", retryAfterMs: undefined }
        : await performAction(action, context, deps, signal);
    deps.record(result);
    results.push(result);
    if (endsPlan(result)) break;
  }
  return results;
}

/** The server is deleted with its namespace, so there is nothing more to do or to report. */
export function endsPlan(result: ActionResult): boolean {
  return result.kind === "Skipped" && result.because === "NamespaceTerminating";
}

/** After a refusal nothing is removed: its replacement may be what was refused. */
function takesAway(action: Action): boolean {
  return action.kind === "Remove" || action.kind === "RemovePod";
}

/** Also a template that is changed while the pod runs: the next start, whatever causes it, uses what it names. */
function startsPod(action: Action): boolean {
  return action.kind === "Scale" ? action.replicas === 1 : isPodApply(action);
}

/** Without the refused object, the pod would find somebody else's under its name: a volume, a token, a program. */
function keepsFromStarting(result: ActionResult): boolean {
  return result.kind === "Refused" && POD_NEEDS.has(result.failure.kind);
}
