import type { Milestone } from "../decide/status/milestones.ts";

/** The servers whose current start follows a hibernation. */
export class ResumeMemory {
  readonly #uids = new Set<string>();

  has(serverUid: string): boolean {
    return this.#uids.has(serverUid);
  }

  /** The server is gone. */
  forget(serverUid: string): void {
    this.#uids.delete(serverUid);
  }

  /** A start that fails is no resume any more: the one after it is another. */
  note(serverUid: string, milestone: Milestone): void {
    if (milestone.kind !== "StateChanged") return;
    if (milestone.from === "hibernated" && milestone.to === "starting") this.#uids.add(serverUid);
    else this.#uids.delete(serverUid);
  }
}
