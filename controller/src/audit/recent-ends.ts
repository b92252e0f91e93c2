import type { Clock } from "@amalthea/kube";
import type { AuditRecord } from "../decide/audit/record.ts";

/** Longer than another leader can have continued after its last line: a lease expires after 15 seconds. */
const RECENT_MS = 60_000;
const MOST_RECENT = 10_000;

/** Ends of servers that a follower saw: if it leads soon, nobody else has logged them. */
export class RecentEnds {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #recent: { readonly record: AuditRecord; readonly atMs: number }[] = [];

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
  }

  keep(record: AuditRecord): void {
    this.#recent.push({ record, atMs: this.#clock.monotonicMs() });
    while (this.#recent.length > MOST_RECENT || this.#isOld(this.#recent[0])) this.#recent.shift();
  }

  /** Those of the last minute, which are forgotten here. */
  take(): AuditRecord[] {
    const recent = this.#recent.splice(0).filter((one) => !this.#isOld(one));
    return recent.map(({ record }) => record);
  }

  #isOld(recent: { readonly atMs: number } | undefined): boolean {
    return recent !== undefined && recent.atMs + RECENT_MS < this.#clock.monotonicMs();
  }
}
