import type { Clock } from "./clock.ts";
import type { KubeClient } from "./client.ts";
import type { Logger } from "./logger.ts";

export type LeaderElectionOptions = {
  /** A client that is not fenced. */
  readonly client: KubeClient;
  readonly lease: { readonly namespace: string; readonly name: string };
  /** Unique in the world: the pod's name and a random part. */
  readonly identity: string;
  readonly leaseDurationMs?: number | undefined;
  readonly renewDeadlineMs?: number | undefined;
  readonly retryPeriodMs?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
  readonly logger?: Logger | undefined;
};

/** One of several processes holds a Lease; only that one writes. */
export declare class LeaderElection {
  constructor(options: LeaderElectionOptions);
  /** Resolves when this process has become the leader. Never rejects: wait for it together with `run`. */
  readonly acquired: Promise<void>;
  /** True only while no other process can believe the same. Check it before every write (`fenced`). */
  isLeader(): boolean;
  /** Milliseconds since the last successful renewal; undefined before the first. */
  renewalAgeMs(): number | undefined;
  /**
   * Follows or leads until the signal is aborted; gives the Lease back then, and resolves. Stop all writers first.
   * @throws LeadershipLostError if leadership was lost: end the process.
   */
  run(signal: AbortSignal): Promise<void>;
}
