import type { JupyterServer, JupyterServerStatus } from "@amalthea/api";
import type { ObjectKey, ReconcileOutcome } from "@amalthea/kube";
import type { ActionResult } from "../apply/action-result.ts";
import { endsPlan } from "../apply/apply-plan.ts";
import type { StatusResult } from "../apply/write-status.ts";
import { decide } from "../decide/decide.ts";
import type { ActivityQuestion } from "../decide/culling/activity-question.ts";
import type { Action, Decision, Plan, ServerEvent } from "../decide/decision.ts";
import type { Observed } from "../decide/live/observed.ts";
import type { DecisionSettings } from "../decide/settings.ts";
import { earliest } from "../decide/values/time.ts";

export type Observation = {
  readonly observed: Observed;
  /** Milliseconds until a refused write may be tried again, or something has to be read again; undefined: never. */
  readonly dueInMs: number | undefined;
};

/** What a reconcile needs besides the decision. */
export type ReconcileDeps = {
  readonly settings: DecisionSettings;
  readonly now: () => Date;
  /** From caches, but for the spec of a large server; undefined if there is no such server. */
  readonly observe: (key: ObjectKey, signal: AbortSignal) => Promise<Observation | undefined>;
  readonly apply: (plan: Plan, observed: Observed, signal: AbortSignal) => Promise<readonly ActionResult[]>;
  readonly writeStatus: (
    server: JupyterServer,
    status: JupyterServerStatus,
    signal: AbortSignal,
  ) => Promise<StatusResult>;
  /** Says in the log what `decide` threw. */
  readonly reportFault: (server: JupyterServer, error: unknown) => void;
  readonly recordEvents: (server: JupyterServer, events: readonly ServerEvent[]) => void;
  /** Triggers a poll of the server's activity; the response enqueues the server. */
  readonly askActivity: (server: JupyterServer, question: ActivityQuestion) => void;
};

/** Reconciles one server: observe, decide, apply, report. `decide` does no I/O. */
export async function reconcile(key: ObjectKey, deps: ReconcileDeps, signal: AbortSignal): Promise<ReconcileOutcome> {
  const before = await deps.observe(key, signal);
  if (before === undefined) return { kind: "Settled" }; // deleted; owner references clean up the children

  const first = decideAbout(before.observed, deps);
  const results = await deps.apply(first.plan, before.observed, signal);
  if (results.some(endsPlan)) return { kind: "Settled" };

  // The status reports what exists after the writes, and what the API server refused. A refusal of what is not wanted any
  // more is forgotten without a write.
  const isSame = results.length === 0 && before.observed.failures.length === 0;
  const after = isSame ? before : await deps.observe(key, signal);
  if (after === undefined) return { kind: "Settled" };
  const { server } = after.observed;
  const last = isSame ? first : decideAbout(after.observed, deps);
  const status = await deps.writeStatus(server, last.status, signal);
  if (status === "Written") deps.recordEvents(server, last.events);
  if (last.question !== undefined) deps.askActivity(server, last.question);
  return outcomeOf(last, results, after.dueInMs);
}

function decideAbout(observed: Observed, { settings, now, reportFault }: ReconcileDeps): Decision {
  const decision = decide(observed, settings, now());
  if (decision.error !== undefined) reportFault(observed.server, decision.error);
  return decision;
}

/**
 * How soon a plan with a next step continues if no watch event comes first, which is usual: the event replaces the wait.
 */
const NEXT_STEP_SECONDS = 1;

function outcomeOf(
  decision: Decision,
  results: readonly ActionResult[],
  dueInMs: number | undefined,
): ReconcileOutcome {
  const { outcome, plan } = decision;
  const hasNextStep = plan.length > 0 && results.some(isProgress);
  const retriesMs = results.map((result) => (result.kind === "Skipped" ? result.retryAfterMs : undefined));
  const waitMs = earliest(dueInMs, ...retriesMs);
  const afterSeconds = earliest(
    outcome.kind === "CheckAgain" ? outcome.afterSeconds : undefined,
    hasNextStep || plan.some((action) => isUntried(action, results)) ? NEXT_STEP_SECONDS : undefined,
    waitMs === undefined ? undefined : waitMs / 1000,
  );
  return afterSeconds === undefined ? { kind: "Settled" } : { kind: "CheckAgain", afterSeconds };
}

/** What the reconcile found out, such as a refusal or the end of one, may have led to what its plan did not have. */
function isUntried(action: Action, results: readonly ActionResult[]): boolean {
  return !results.some(({ action: tried }) => tried.kind === action.kind && tried.childKey === action.childKey);
}

function isProgress(result: ActionResult): boolean {
  return result.kind === "Written" || result.kind === "Removed" || (result.kind === "SecretSeen" && result.wrote);
}
