/** How often what a group has had is halved, so that what was long ago does not count. */
const HALVING_MS = 30_000;

/** What a turn counts besides the time it takes. */
const TURN_MS = 20;

type Work = { readonly turns: number; readonly ms: number };

const NOTHING: Work = { turns: 0, ms: 0 };
const MOST: Work = { turns: Number.POSITIVE_INFINITY, ms: Number.POSITIVE_INFINITY };

/** What each group (a namespace) has had lately, over all lanes. */
export class RecentWork {
  readonly #groups = new Map<string, Work>();
  #halvedMs = 0;

  /** Turns, and the time of workers that they took in milliseconds. */
  of(group: string): Work {
    return this.#groups.get(group) ?? NOTHING;
  }

  /** A turn begins. */
  begin(group: string, nowMs: number): void {
    this.#add(group, { turns: 1, ms: TURN_MS }, nowMs);
  }

  /** A turn is over that took so long. */
  end(group: string, tookMs: number, nowMs: number): void {
    this.#add(group, { turns: 0, ms: tookMs }, nowMs);
  }

  #add(group: string, { turns, ms }: Work, nowMs: number): void {
    this.#decay(nowMs);
    const before = this.of(group);
    this.#groups.set(group, { turns: before.turns + turns, ms: before.ms + ms });
  }

  #decay(nowMs: number): void {
    const halvings = Math.floor((nowMs - this.#halvedMs) / HALVING_MS);
    if (halvings <= 0) return;
    this.#halvedMs += halvings * HALVING_MS;
    for (const [group, { turns, ms }] of this.#groups) {
      const left = { turns: turns / 2 ** halvings, ms: ms / 2 ** halvings };
      if (left.turns < 1) this.#groups.delete(group);
      else this.#groups.set(group, left);
    }
  }
}

/** One turn of a lane in so many belongs to the key that has waited longest, whatever its group had: nobody starves. */
const OLDEST_TURN = 8;

/** A key of a lane with the time since which it waits. */
type Waiting<K> = { readonly key: K; readonly sinceMs: number };

/**
 * Keys that wait for the same kind of turn, by group. The group that was served least comes first, in it the key that
 * came first: many keys of one group do not hold up the few of another.
 */
export class FairLane<K extends string> {
  readonly #groups = new Map<string, Map<K, number>>();
  readonly #groupOf: (key: K) => string;
  #size = 0;
  #turns = 0;

  constructor(groupOf: (key: K) => string) {
    this.#groupOf = groupOf;
  }

  get size(): number {
    return this.#size;
  }

  /** Since when a key waits here, in monotonic milliseconds; undefined if it does not. */
  sinceMs(key: K): number | undefined {
    return this.#groups.get(this.#groupOf(key))?.get(key);
  }

  /** Puts a key behind the others of its group; it must not be in the lane. */
  add(key: K, sinceMs: number): void {
    const group = this.#groupOf(key);
    const keys = this.#groups.get(group) ?? new Map<K, number>();
    this.#groups.set(group, keys.set(key, sinceMs));
    this.#size++;
  }

  delete(key: K): void {
    const group = this.#groupOf(key);
    const keys = this.#groups.get(group);
    if (keys?.delete(key) !== true) return;
    this.#size--;
    if (keys.size === 0) this.#groups.delete(group);
  }

  /** Takes out the key whose turn it is; undefined if there is none. */
  take(work: RecentWork): Waiting<K> | undefined {
    this.#turns = (this.#turns + 1) % OLDEST_TURN;
    const next = this.#turns === 0 ? this.#first((head) => head.sinceMs) : this.#first((_, group) => work.of(group).ms);
    if (next !== undefined) this.delete(next.key);
    return next;
  }

  /** What the group has had that comes next here. */
  leastServed(work: RecentWork): Work {
    return [...this.#groups.keys()].map((group) => work.of(group)).reduce((a, b) => (b.ms < a.ms ? b : a), MOST);
  }

  clear(): void {
    this.#groups.clear();
    this.#size = 0;
  }

  /** Of the groups' first keys the one with the lowest rank; among equals the one that has waited longest. */
  #first(rankOf: (head: Waiting<K>, group: string) => number): Waiting<K> | undefined {
    let best: { readonly head: Waiting<K>; readonly rank: number } | undefined;
    for (const [group, keys] of this.#groups) {
      for (const [key, sinceMs] of keys) {
        const head = { key, sinceMs };
        const rank = rankOf(head, group);
        if (best === undefined || rank < best.rank || (rank === best.rank && sinceMs < best.head.sinceMs)) {
          best = { head, rank };
        }
        break;
      }
    }
    return best?.head;
  }
}
