import type { Lease } from "kubernetes-types/coordination/v1.js";
import { jitter } from "./backoff.ts";
import type { KubeClient } from "./client.ts";
import { type Clock, systemClock, untilAborted, withDeadline } from "./clock.ts";
import { isConflict, isAlreadyExists, LeadershipLostError } from "./errors.ts";
import { kinds } from "./kinds.ts";
import { decideLease, heldBy, type LeaseSpec, type ObservedLease, observeLease, released } from "./lease-lock.ts";
import { type Logger, silentLogger } from "./logger.ts";
import type { Live } from "./objects.ts";

export type LeaderElectionOptions = {
  /**
   * Not fenced, and with connections of its own: a renewal must not wait for a connection that a slow write occupies.
   */
  readonly client: KubeClient;
  readonly lease: { readonly namespace: string; readonly name: string };
  /** Unique in the world: the pod's name and a random part. */
  readonly identity: string;
  /** How long followers wait after the last observed renewal (lease duration). Default 15 s. */
  readonly leaseDurationMs?: number | undefined;
  /** How long a leader considers itself the leader after its last renewal (renew deadline). Default 10 s. */
  readonly renewDeadlineMs?: number | undefined;
  /** Default 2 s. */
  readonly retryPeriodMs?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
  readonly logger?: Logger | undefined;
};

/** @see https://github.com/kubernetes-sigs/controller-runtime/blob/main/pkg/manager/internal.go the same 15, 10 and 2 s */
const LEASE_DURATION_MS = 15_000;
const RENEW_DEADLINE_MS = 10_000;
const RETRY_PERIOD_MS = 2_000;

const ATTEMPT_TIMEOUT_MS = 5_000;

/** For the release, if a renewal in progress has used up the time. */
const LEAST_RELEASE_MS = 1_000;

/** The stop does not abort a write: one that succeeds unnoticed would leave the Lease to a process that is gone. */
const NEVER: AbortSignal = new AbortController().signal;

/** One of several processes holds a Lease; only that one writes. */
export class LeaderElection {
  /** Resolves when this process has become the leader. Never rejects: wait for it together with `run`. */
  readonly acquired: Promise<void>;
  readonly #options: LeaderElectionOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #leaseDurationMs: number;
  readonly #renewDeadlineMs: number;
  readonly #retryPeriodMs: number;
  readonly #resolveAcquired: () => void;
  #observed: ObservedLease | undefined;
  /** Start of the last write that made or kept us the leader. */
  #renewedMs: number | undefined;

  /** @throws RangeError unless lease duration > renew deadline > 1.2 × retry period. */
  constructor(options: LeaderElectionOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#leaseDurationMs = options.leaseDurationMs ?? LEASE_DURATION_MS;
    this.#renewDeadlineMs = options.renewDeadlineMs ?? RENEW_DEADLINE_MS;
    this.#retryPeriodMs = options.retryPeriodMs ?? RETRY_PERIOD_MS;
    if (this.#leaseDurationMs <= this.#renewDeadlineMs || this.#renewDeadlineMs <= 1.2 * this.#retryPeriodMs) {
      throw new RangeError("leader election needs lease duration > renew deadline > 1.2 × retry period");
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.acquired = promise;
    this.#resolveAcquired = resolve;
  }

  /** True only while no other process can consider itself the leader. Check it before every write (`fenced`). */
  isLeader(): boolean {
    const ageMs = this.renewalAgeMs();
    return ageMs !== undefined && ageMs < this.#renewDeadlineMs;
  }

  /** Milliseconds since the last successful renewal; undefined before the first, and after the Lease was released. */
  renewalAgeMs(): number | undefined {
    return this.#renewedMs === undefined ? undefined : this.#clock.monotonicMs() - this.#renewedMs;
  }

  /** `leaseTransitions` as last observed: the same number means the same holder. */
  get transitions(): number {
    return this.#observed?.lease.spec?.leaseTransitions ?? 0;
  }

  /**
   * Follows or leads until the signal is aborted; then releases the Lease, and resolves after 6 seconds at the latest.
   * Stop all writers first.
   * @throws LeadershipLostError if leadership was lost: end the process.
   */
  async run(signal: AbortSignal): Promise<void> {
    const stoppedMs = untilAborted(signal).then(() => this.#clock.monotonicMs());
    try {
      await this.#follow(signal);
      await this.#lead(signal);
    } catch (error) {
      if (!signal.aborted || error instanceof LeadershipLostError) throw error;
      await this.#release(await stoppedMs);
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    while (!(await this.#attempt(ATTEMPT_TIMEOUT_MS))) {
      await this.#clock.sleep(jitter(this.#retryPeriodMs, 1, 1.2, this.#options.random ?? Math.random), signal);
    }
    this.#logger.info({ lease: this.#options.lease.name, identity: this.#options.identity }, "became the leader");
    this.#resolveAcquired();
  }

  async #lead(signal: AbortSignal): Promise<never> {
    for (;;) {
      await this.#clock.sleep(Math.min(this.#retryPeriodMs, this.#timeLeftMs()), signal);
      // After a stall, a stop or an outage there is no renewal that could make the time in between ours.
      if (!this.isLeader()) throw new LeadershipLostError("the lease was not renewed in time");
      await this.#attempt(Math.min(ATTEMPT_TIMEOUT_MS, this.#timeLeftMs()));
      const { holderIdentity } = this.#observed?.lease.spec ?? {};
      if (holderIdentity !== this.#options.identity) {
        this.#renewedMs = undefined;
        throw new LeadershipLostError(
          holderIdentity === undefined ? "the lease was deleted" : `the lease is held by "${holderIdentity}"`,
        );
      }
    }
  }

  #timeLeftMs(): number {
    return Math.max(0, this.#renewDeadlineMs - (this.renewalAgeMs() ?? this.#renewDeadlineMs));
  }

  /** Acquires or renews the Lease if possible. @returns Whether we hold it now; also false for a failure. */
  async #attempt(timeoutMs: number): Promise<boolean> {
    try {
      return await withDeadline(this.#clock, timeoutMs, NEVER, (deadline) => this.#acquireOrRenew(deadline));
    } catch (error) {
      this.#logger.warn({ lease: this.#options.lease.name, err: error }, "cannot acquire or renew the lease");
      return false;
    }
  }

  async #acquireOrRenew(signal: AbortSignal): Promise<boolean> {
    // A renewal does not read first: the remembered resourceVersion tells whether it is still ours.
    if (this.#observed?.lease.spec?.holderIdentity !== this.#options.identity) await this.#look(signal);
    const decision = decideLease(this.#observed, this.#options.identity, this.#clock.monotonicMs());
    if (decision === "Wait") return false;
    const startMs = this.#clock.monotonicMs();
    try {
      const lease = await this.#write(this.#observed?.lease, this.#claim(), signal);
      this.#observed = { lease, sinceMs: startMs };
    } catch (error) {
      if (!isConflict(error) && !isAlreadyExists(error)) throw error;
      await this.#look(signal); // somebody else wrote, or a write of ours whose response was lost
      return false;
    }
    // Counted from the start of the write, so that we stop leading before anybody else starts.
    this.#renewedMs = startMs;
    return true;
  }

  async #look(signal: AbortSignal): Promise<void> {
    const lease = await this.#options.client.find(kinds.Lease, this.#options.lease, signal);
    const nowMs = this.#clock.monotonicMs();
    this.#observed = lease === undefined ? undefined : observeLease(this.#observed, lease, nowMs);
  }

  #claim(): LeaseSpec {
    const { identity } = this.#options;
    return heldBy(identity, this.#observed?.lease.spec, this.#clock.now(), this.#leaseDurationMs);
  }

  async #write(before: Live<Lease> | undefined, spec: LeaseSpec, signal: AbortSignal): Promise<Live<Lease>> {
    const { client, lease } = this.#options;
    if (before === undefined) {
      const manifest = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: lease, spec };
      return await client.create(kinds.Lease, manifest, {}, signal);
    }
    return await client.replace(kinds.Lease, { ...before, spec }, {}, signal);
  }

  async #release(stoppedMs: number): Promise<void> {
    if (!this.isLeader() || this.#observed === undefined) return;
    const { lease } = this.#observed;
    this.#renewedMs = undefined; // from here on nothing is written any more, whether or not the release succeeds
    const timeLeftMs = stoppedMs + ATTEMPT_TIMEOUT_MS - this.#clock.monotonicMs();
    try {
      await withDeadline(this.#clock, Math.max(timeLeftMs, LEAST_RELEASE_MS), NEVER, (deadline) =>
        this.#write(lease, released(lease.spec, this.#clock.now()), deadline),
      );
    } catch (error) {
      this.#logger.warn({ lease: this.#options.lease.name, err: error }, "cannot release the lease; it will expire");
    }
  }
}
