import {
  type Clock,
  type KubeClient,
  LeaderElection,
  type LeaderElectionOptions,
  LeadershipLostError,
  type Logger,
  untilAborted,
} from "@amalthea/kube";
import { BackgroundTasks } from "./background-tasks.ts";
import { TERM_STOP_MS } from "./stop-times.ts";

export type LeadershipOptions = {
  /** Undefined: this process always leads, such as one that a developer runs from source. */
  readonly lease: LeaderElectionOptions["lease"] | undefined;
  readonly client: KubeClient;
  readonly identity: string;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** Leads repeatedly: a process that lost the lease, for instance because the API server was down, stands by again. */
export class Leadership {
  readonly #options: LeadershipOptions;
  #term: Pick<LeaderElection, "isLeader" | "renewalAgeMs" | "transitions"> | undefined;

  constructor(options: LeadershipOptions) {
    this.#options = options;
  }

  /** True only while no other process can consider itself the leader. */
  isLeader(): boolean {
    return this.#options.lease === undefined || (this.#term?.isLeader() ?? false);
  }

  /** Milliseconds since the lease was renewed; undefined while this process does not lead, or needs no lease. */
  renewalAgeMs(): number | undefined {
    return this.#term?.renewalAgeMs();
  }

  /** How often the lease has changed hands; undefined while this process does not lead, or needs no lease. */
  transitions(): number | undefined {
    return this.#term?.transitions;
  }

  /**
   * Leads whenever it can until the signal is aborted. Then the lease is released, after `lead` has ended, or after 16
   * seconds.
   * @param lead The work of the leader, until its signal is aborted: at the end of its term, or with `signal`.
   */
  async run(lead: (term: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    if (this.#options.lease === undefined) return await lead(signal);
    while (!signal.aborted) await this.#serve(this.#options.lease, lead, signal);
  }

  /** One term, from the wait for the lease to its loss. */
  async #serve(
    lease: LeaderElectionOptions["lease"],
    lead: (term: AbortSignal) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const election = new LeaderElection({ ...this.#options, lease });
    this.#term = election;
    const tasks = new BackgroundTasks();
    const holding = tasks.start((stop) => election.run(stop));
    try {
      await Promise.race([election.acquired, holding, untilAborted(signal)]);
      if (signal.aborted) return;
      const leading = tasks.start((stop) => this.#endOf(lead(AbortSignal.any([signal, stop])), signal));
      await Promise.race([leading, holding]);
    } catch (err) {
      if (!(err instanceof LeadershipLostError)) throw err;
      this.#options.logger.warn({ err }, "leadership lost; standing by");
    } finally {
      if (!election.isLeader()) this.#term = undefined; // it is over: nothing to renew while its work ends
      await tasks.end();
      this.#term = undefined;
    }
  }

  /** Settles with what a leader does, or when that should have ended because the process ends. */
  async #endOf(leading: Promise<void>, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    const ended = new AbortController();
    const overdue = async (): Promise<void> => {
      await untilAborted(AbortSignal.any([signal, ended.signal]));
      await clock.sleep(TERM_STOP_MS, ended.signal);
      logger.warn({ afterMs: TERM_STOP_MS }, "releasing the lease before the leader's work has ended");
    };
    try {
      await Promise.race([leading, overdue()]);
    } finally {
      ended.abort();
    }
  }
}
