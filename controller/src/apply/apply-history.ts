/** What identifies one state of one live object. */
export type LiveVersion = { readonly uid: string; readonly resourceVersion: string };

type History = {
  readonly isCreated: boolean;
  readonly hash: string;
  /** Version that an apply left as it was: applying again is known to change nothing. */
  readonly equivalentVersion: string | undefined;
  /** Monotonic milliseconds of the applies that did change something. */
  readonly appliedAtMs: readonly number[];
};

/** Applies of one unchanged manifest within the window after which another writer is assumed to keep reverting it. */
const FIGHT_LIMIT = 10;
const FIGHT_WINDOW_MS = 600_000;

/**
 * Breaks loops of applies. An apply whose result still differs from what was desired (an admission webhook, a default
 * that the comparison does not know, another controller) would otherwise be repeated for ever.
 */
export class ApplyHistory {
  readonly #byUid = new Map<string, History>();

  /**
   * Milliseconds to wait before this manifest is applied to the object again: 0 now, Infinity not in its present form.
   */
  waitMs(live: LiveVersion, hash: string, nowMs: number): number {
    const history = this.#byUid.get(live.uid);
    if (history?.hash !== hash) return 0;
    if (this.equivalentHash(live) === hash) return Number.POSITIVE_INFINITY;
    const recent = history.appliedAtMs.filter((at) => at > nowMs - FIGHT_WINDOW_MS);
    const oldest = recent.length < FIGHT_LIMIT ? undefined : recent[0];
    return oldest === undefined ? 0 : oldest + FIGHT_WINDOW_MS - nowMs;
  }

  /** Hash of the manifest that is known to change nothing about this version of the object; undefined if none is. */
  equivalentHash({ uid, resourceVersion }: LiveVersion): string | undefined {
    const history = this.#byUid.get(uid);
    return history?.equivalentVersion === resourceVersion ? history.hash : undefined;
  }

  /** Whether an apply created the object. */
  hasCreated(uid: string): boolean {
    return this.#byUid.get(uid)?.isCreated === true;
  }

  /** Records an apply: the version before it, undefined if it created the object, and the version after it. */
  record(before: string | undefined, after: LiveVersion, hash: string, nowMs: number): void {
    const history = this.#byUid.get(after.uid);
    const known = history?.hash === hash ? history.appliedAtMs.filter((at) => at > nowMs - FIGHT_WINDOW_MS) : [];
    const isUnchanged = before === after.resourceVersion;
    this.#byUid.set(after.uid, {
      isCreated: before === undefined || history?.isCreated === true,
      hash,
      equivalentVersion: isUnchanged ? after.resourceVersion : undefined,
      appliedAtMs: isUnchanged ? known : [...known, nowMs],
    });
  }

  /** The object is gone. */
  forget(uid: string): void {
    this.#byUid.delete(uid);
  }
}
