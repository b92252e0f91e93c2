import type { Clock, EventRecorder, Kind, KubeClient, Logger, ObjectKey, WorkQueue } from "@amalthea/kube";
import type { AuditLog } from "../audit/audit-log.ts";
import type { ControllerConfig } from "../config/config.ts";
import type { Caches } from "../observe/caches.ts";
import type { Metrics } from "../operator/metrics.ts";

/** The dependencies of everything that reconciles servers. */
export type ReconcilerParts = {
  readonly config: ControllerConfig;
  /** Its writes throw unless this process is the leader. */
  readonly client: KubeClient;
  readonly caches: Caches;
  readonly queue: WorkQueue<ObjectKey>;
  readonly recorder: Pick<EventRecorder, "record">;
  readonly extraKinds: readonly Kind[];
  readonly metrics: Metrics;
  /** Undefined: none is written. */
  readonly audit: AuditLog | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Whether our clock is ahead of the API server's: limits would be enforced too early. */
  readonly isClockAhead: () => boolean;
};
