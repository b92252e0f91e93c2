import { activityAfter, type ActivityAnswer, type ObservedActivity } from "../decide/live/activity.ts";

type Known = { readonly podUid: string; readonly activity: ObservedActivity };

const UNASKED: ObservedActivity = { kind: "Unasked" };

/** What each server's pod reported when it was last polled. Nothing outlives the process: it is polled again. */
export class ActivityMemory {
  readonly #known = new Map<string, Known>();

  /** What holds for the pod that the server has now. */
  of(serverUid: string, podUid: string | undefined): ObservedActivity {
    const known = this.#known.get(serverUid);
    return known === undefined || known.podUid !== podUid ? UNASKED : known.activity;
  }

  remember(serverUid: string, podUid: string, answer: ActivityAnswer, at: Date): void {
    this.#known.set(serverUid, { podUid, activity: activityAfter(this.of(serverUid, podUid), answer, at) });
  }

  forget(serverUid: string): void {
    this.#known.delete(serverUid);
  }
}
