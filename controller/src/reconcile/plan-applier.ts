import type { JupyterServer } from "@amalthea/api";
import { keyOf } from "@amalthea/kube";
import type { ActionResult } from "../apply/action-result.ts";
import { applyPlan } from "../apply/apply-plan.ts";
import type { ApplyDeps } from "../apply/perform-action.ts";
import { recordEvents } from "../apply/record-events.ts";
import type { Action, ActionOf, Plan } from "../decide/decision.ts";
import type { Observed } from "../decide/live/observed.ts";
import { findKind } from "../kinds.ts";
import { logResult } from "./log-result.ts";
import type { Memories } from "./memories.ts";
import type { ReconcilerParts } from "./parts.ts";

export type PlanApplierOptions = Pick<
  ReconcilerParts,
  "client" | "caches" | "recorder" | "extraKinds" | "metrics" | "logger" | "clock"
> & { readonly memories: Pick<Memories, "applies" | "failures" | "secrets"> };

/** Applies plans, and publishes the result of each action at once: to the next observation, the metrics and the log. */
export class PlanApplier {
  readonly #options: PlanApplierOptions;

  constructor(options: PlanApplierOptions) {
    this.#options = options;
  }

  /** @throws what `applyPlan` throws. */
  async apply(plan: Plan, observed: Observed, signal: AbortSignal): Promise<readonly ActionResult[]> {
    const { caches, client, clock, extraKinds, memories } = this.#options;
    const subject = secretInQuestion(plan);
    const deps: ApplyDeps = {
      client,
      clock,
      history: memories.applies,
      findKind: (name) => findKind(name, extraKinds),
      liveVersion: (kind, manifest) => caches.find(kind, keyOf(manifest))?.metadata,
      record: (result) => this.#record(result, observed, subject),
    };
    const secretExpected = observed.server.status?.children?.["secret"] !== undefined;
    const results = await applyPlan(plan, { secretExpected }, deps, signal);
    this.#forgetAbandoned(observed, results);
    return results;
  }

  #record(result: ActionResult, observed: Observed, subject: Action | undefined): void {
    const { metrics, logger } = this.#options;
    this.#remember(result, observed, subject);
    const isDone = result.kind === "Written" || result.kind === "Removed";
    if (isDone && result.action.kind === "Cull") this.#recordCull(result.action, observed.server);
    metrics.acted(result);
    logResult(result, observed.server, logger);
  }

  #remember(result: ActionResult, { server, pod }: Observed, subject: Action | undefined): void {
    const { caches, clock, memories } = this.#options;
    const { uid } = server.metadata;
    switch (result.kind) {
      case "Skipped":
        return;
      case "Refused":
        return this.#recordRefusal(result, server);
      case "Written":
        if (result.object !== undefined) caches.recordWrite(result.at, result.object);
        break;
      case "Removed":
        caches.recordRemoval(result.at, result.key, result.uid);
        break;
      case "SecretSeen":
        if (result.action === subject) {
          memories.secrets.remember(uid, result.secret, pod?.metadata.uid, clock.monotonicMs());
        }
        break;
    }
    memories.failures.forgetChild(uid, result.action.childKey);
  }

  /** A resize that is retried and refused again counts once. */
  #recordRefusal({ action, failure }: Extract<ActionResult, { kind: "Refused" }>, { metadata }: JupyterServer): void {
    const { clock, memories, metrics } = this.#options;
    const isNew = memories.failures.remember(metadata.uid, metadata.generation, failure, clock.monotonicMs());
    if (isNew && action.kind === "Resize") metrics.resized("Refused");
  }

  #recordCull({ cull, note }: ActionOf<"Cull">, server: JupyterServer): void {
    this.#options.metrics.culled(cull);
    recordEvents(server, [{ type: "Normal", reason: "LimitReached", note }], this.#options.recorder);
  }

  /** Refusals that are due for a retry, but which no plan repeats: what was refused is no longer desired. */
  #forgetAbandoned({ failures, server }: Observed, results: readonly ActionResult[]): void {
    const tried = new Set(results.map(({ action }) => action.childKey));
    const abandoned = failures.filter(({ childKey, mayRetry }) => mayRetry === true && !tried.has(childKey));
    for (const { childKey } of abandoned) this.#options.memories.failures.forgetChild(server.metadata.uid, childKey);
  }
}

/** The action whose Secret decisions learn about: the server's own, else the last one that patches added. */
function secretInQuestion(plan: Plan): Action | undefined {
  const actions = plan.filter(({ kind }) => kind === "EnsureSecret");
  return actions.find((action) => action.childKey === "secret") ?? actions.at(-1);
}
