import type { Clock, KubeClient } from "@amalthea/kube";
import { writeStatus } from "../apply/write-status.ts";
import type { AuditLog } from "../audit/audit-log.ts";
import type { Caches } from "../observe/caches.ts";
import { podOf } from "../observe/observe-server.ts";
import type { MilestoneCounter } from "./milestone-counter.ts";
import type { ReconcileDeps } from "./reconcile.ts";

export type StatusWriterOptions = {
  /** Its writes throw unless this process is the leader. */
  readonly client: KubeClient;
  readonly caches: Caches;
  /** Undefined: none is written. */
  readonly audit: Pick<AuditLog, "beforeStatus" | "statusWritten"> | undefined;
  readonly milestones: Pick<MilestoneCounter, "statusWritten">;
  readonly clock: Pick<Clock, "now">;
};

/**
 * Makes what writes statuses. What one says for the first time is in the audit log before, and counts afterwards. It throws
 * what `writeStatus` throws.
 */
export function statusWriter(options: StatusWriterOptions): ReconcileDeps["writeStatus"] {
  const { audit, caches, client, clock, milestones } = options;
  const deps = {
    client,
    recordWrite: caches.recordWrite.bind(caches),
    recordRemoval: caches.recordRemoval.bind(caches),
  };
  return async (server, status, signal) => {
    await audit?.beforeStatus(server, status);
    const result = await writeStatus(server, status, deps, signal);
    audit?.statusWritten(server);
    if (result === "Written") milestones.statusWritten(server, status, podOf(server, caches), clock.now());
    return result;
  };
}
