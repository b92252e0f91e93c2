import { condition, type JupyterServer, type JupyterServerStatus } from "@amalthea/api";
import { withReadableStatus } from "../effective-server.ts";
import { clientTime, kubernetesTime } from "../values/time.ts";

/**
 * The status of a server whose reconcile threw: what was known stays, and `Stalled` says that it is not kept up to date.
 *
 * @param detail What people may read: no stack, nothing of what the server or a Secret holds.
 */
export function statusOfFailure(server: JupyterServer, detail: string, now: Date): JupyterServerStatus {
  const { generation } = server.metadata;
  const { status: known = {} } = withReadableStatus(server);
  const previous = known.conditions ?? [];
  const context = { now: kubernetesTime(now), generation, previous };
  const stalled = condition("Stalled", "True", "ReconcileFailed", { detail }, context);
  const first =
    previous.find(({ type }) => ["Ready", "Hibernated"].includes(type)) ??
    condition("Ready", "False", "ReconcileFailed", { detail }, context);
  const others = previous.filter(({ type }) => !["Ready", "Hibernated", "Reconciling", "Stalled"].includes(type));
  return {
    ...(known.state === undefined ? { state: "failed", failedSince: clientTime(now) } : {}),
    ...known,
    observedGeneration: generation,
    conditions: [first, stalled, ...others],
  };
}
