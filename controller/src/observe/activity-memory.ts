import type { ActivityAnswer, ObservedActivity } from "../decide/live/activity.ts";

type Known = { readonly podUid: string; readonly activity: ObservedActivity };

const UNASKED: ObservedActivity = { kind: "Unasked" };

/** What each server's pod told of its activity when it was last asked. Nothing outlives the process: it is asked again. */
export class ActivityMemory {
  readonly #known = new Map<string, Known>();

  /** What holds for the pod that the server has now. */
  of(serverUid: string, podUid: string | undefined): ObservedActivity {
    const known = this.#known.get(serverUid);
    return known === undefined || known.podUid !== podUid ? UNASKED : known.activity;
  }

  remember(serverUid: string, podUid: string, answer: ActivityAnswer, at: Date): void {
    const activity = answer.kind === "Answered" ? { ...answer, at } : this.#failure(serverUid, podUid, answer.why, at);
    this.#known.set(serverUid, { podUid, activity });
  }

  forget(serverUid: string): void {
    this.#known.delete(serverUid);
  }

  #failure(serverUid: string, podUid: string, why: string, at: Date): ObservedActivity {
    const before = this.of(serverUid, podUid);
    const earlier = before.kind === "Failed" ? before : { since: at, failures: 0 };
    return { kind: "Failed", at, since: earlier.since, failures: earlier.failures + 1, why };
  }
}
