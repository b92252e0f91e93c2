import type { CallResult, Clock } from "@amalthea/kube";

/** Clocks that are kept right differ by less. */
const TOLERATED_MS = 60_000;

/** Compares the clock of this process with that of the API server, by the times of its answers. */
export class ServerTime {
  readonly #clock: Pick<Clock, "now">;
  #aheadMs = 0;

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  /** Of a call that took a while, its beginning counts: the server answered after that. */
  heard({ serverTime, durationMs, group }: Pick<CallResult, "serverTime" | "durationMs" | "group">): void {
    // Another server answers for the metrics API.
    if (serverTime === undefined || group === "metrics.k8s.io") return;
    this.#aheadMs = this.#clock.now().getTime() - durationMs - serverTime.getTime();
  }

  /** Whether our clock is ahead of the API server's, so that what ends at a time would end too early. */
  isOursAhead(): boolean {
    return this.#aheadMs > TOLERATED_MS;
  }
}
