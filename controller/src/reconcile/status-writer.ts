import { writeStatus } from "../apply/write-status.ts";
import { podOf } from "../observe/observe-server.ts";
import type { MilestoneCounter } from "./milestone-counter.ts";
import type { ReconcilerParts } from "./parts.ts";
import type { ReconcileDeps } from "./reconcile.ts";

export type StatusWriterOptions = Pick<ReconcilerParts, "client" | "caches" | "audit" | "clock"> & {
  readonly milestones: Pick<MilestoneCounter, "statusWritten">;
};

/**
 * Creates the status writer. What a status says for the first time is logged in the audit log before, and counted
 * afterwards. It throws what `writeStatus` throws.
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
