import type { CallResult, Clock } from "@amalthea/kube";

/** Synchronised clocks differ by less. */
const TOLERATED_MS = 60_000;

/** After responses without a time for this long, a proxy removes it, and the server's clock is unknown. */
const KNOWN_MS = 600_000;

/** What the server's clock shows is this much more than ours has counted. */
type Known = { readonly offsetMs: number; readonly heardMs: number };

/**
 * Compares the clock of this process with that of the API server, by the times of its responses. Between two of them
 * time passes equally for both: a clock of ours that is set meanwhile is ahead, or is not any more, at once.
 */
export class ServerTime {
  readonly #clock: Pick<Clock, "now" | "monotonicMs">;
  #known: Known | undefined;

  constructor(clock: Pick<Clock, "now" | "monotonicMs">) {
    this.#clock = clock;
  }

  /** Of a call that took a while, its beginning counts: the server answered after that. */
  heard(call: Pick<CallResult, "code" | "serverTime" | "durationMs" | "group">): void {
    const { code, serverTime, durationMs, group } = call;
    // A missing response says nothing, and the metrics API is served by another server.
    if (code === 0 || group === "metrics.k8s.io") return;
    const heardMs = this.#clock.monotonicMs();
    if (serverTime !== undefined) this.#known = { offsetMs: serverTime.getTime() - (heardMs - durationMs), heardMs };
    else if (this.#known !== undefined && heardMs - this.#known.heardMs > KNOWN_MS) this.#known = undefined;
  }

  /**
   * Whether our clock is ahead of the API server's, so that what ends at a time would end too early. Unknown is not
   * ahead.
   */
  isOursAhead(): boolean {
    if (this.#known === undefined) return false;
    const serverMs = this.#clock.monotonicMs() + this.#known.offsetMs;
    return this.#clock.now().getTime() - serverMs > TOLERATED_MS;
  }
}
