import type { JupyterServer, JupyterServerStatus } from "@amalthea/api";
import type { Clock, KubeClient } from "@amalthea/kube";
import { type StatusResult, writeStatus } from "../apply/write-status.ts";
import type { AuditLog } from "../audit/audit-log.ts";
import type { Caches } from "../observe/caches.ts";
import { podOf } from "../observe/observe-server.ts";
import type { MilestoneCounter } from "./milestone-counter.ts";

export type StatusWriterOptions = {
  /** Its writes throw unless this process is the leader. */
  readonly client: KubeClient;
  readonly caches: Caches;
  /** Undefined: none is written. */
  readonly audit: Pick<AuditLog, "beforeStatus" | "statusWritten"> | undefined;
  readonly milestones: Pick<MilestoneCounter, "statusWritten">;
  readonly clock: Pick<Clock, "now">;
};

/** Writes statuses. What one says for the first time is in the audit log before, and counts afterwards. */
export class StatusWriter {
  readonly #options: StatusWriterOptions;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
  }

  /** @throws what `writeStatus` throws. */
  async write(server: JupyterServer, status: JupyterServerStatus, signal: AbortSignal): Promise<StatusResult> {
    const { audit, caches, client, clock, milestones } = this.#options;
    await audit?.beforeStatus(server, status);
    const deps = {
      client,
      recordWrite: caches.recordWrite.bind(caches),
      recordRemoval: caches.recordRemoval.bind(caches),
    };
    const result = await writeStatus(server, status, deps, signal);
    audit?.statusWritten(server);
    if (result === "Written") milestones.statusWritten(server, status, podOf(server, caches), clock.now());
    return result;
  }
}
