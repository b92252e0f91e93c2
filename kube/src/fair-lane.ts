/** How often a group has been served lately: halved regularly, so that the distant past does not count. */
const HALVING_MS = 10_000;

/** Turns that each group (a namespace) has had lately, over all lanes. */
export class RecentTurns {
  readonly #turns = new Map<string, number>();
  #halvedMs = 0;

  of(group: string): number {
    return this.#turns.get(group) ?? 0;
  }

  count(group: string, nowMs: number): void {
    this.#decay(nowMs);
    this.#turns.set(group, this.of(group) + 1);
  }

  #decay(nowMs: number): void {
    const halvings = Math.floor((nowMs - this.#halvedMs) / HALVING_MS);
    if (halvings <= 0) return;
    this.#halvedMs += halvings * HALVING_MS;
    for (const [group, turns] of this.#turns) {
      const left = turns / 2 ** halvings;
      if (left < 1) this.#turns.delete(group);
      else this.#turns.set(group, left);
    }
  }
}

/** The group of a key `namespace/name`: its namespace. Groups are served equally. */
export function groupOf(key: string): string {
  return key.slice(0, Math.max(0, key.indexOf("/")));
}

/**
 * One in this many turns of a lane belongs to the key that has waited longest, whatever its group had: no key starves.
 */
const OLDEST_TURN = 8;

/** A key of a lane with the time since which it waits. */
type Waiting<K> = { readonly key: K; readonly sinceMs: number };

/**
 * Keys that wait for the same kind of turn, by group. The group that was served least comes first, and within it the
 * oldest key: many keys of one group do not delay the few of another.
 */
export class FairLane<K extends string> {
  readonly #groups = new Map<string, Map<K, number>>();
  #size = 0;
  #turns = 0;

  get size(): number {
    return this.#size;
  }

  /** When a key began to wait here, in monotonic milliseconds; undefined if it does not wait. */
  sinceMs(key: K): number | undefined {
    return this.#groups.get(groupOf(key))?.get(key);
  }

  /** Puts a key behind the others of its group; it must not be in the lane. */
  add(key: K, sinceMs: number): void {
    const group = groupOf(key);
    const keys = this.#groups.get(group) ?? new Map<K, number>();
    this.#groups.set(group, keys.set(key, sinceMs));
    this.#size++;
  }

  delete(key: K): void {
    const group = groupOf(key);
    const keys = this.#groups.get(group);
    if (keys?.delete(key) !== true) return;
    this.#size--;
    if (keys.size === 0) this.#groups.delete(group);
  }

  /** Whether keys of other groups than these wait. */
  hasOthers(groups: ReadonlySet<string>): boolean {
    for (const group of this.#groups.keys()) if (!groups.has(group)) return true;
    return false;
  }

  /** Takes out the key whose turn it is, of other groups than these; undefined if there is none. */
  take(turns: RecentTurns, except: ReadonlySet<string>): Waiting<K> | undefined {
    this.#turns = (this.#turns + 1) % OLDEST_TURN;
    const isOldestFirst = this.#turns === 0;
    const next = this.#first(({ sinceMs }, group) => (isOldestFirst ? sinceMs : turns.of(group)), except);
    if (next !== undefined) this.delete(next.key);
    return next;
  }

  clear(): void {
    this.#groups.clear();
    this.#size = 0;
  }

  /** Of the groups' first keys the one with the lowest rank; among equals the one that has waited longest. */
  #first(rankOf: (head: Waiting<K>, group: string) => number, except: ReadonlySet<string>): Waiting<K> | undefined {
    let best: { readonly head: Waiting<K>; readonly rank: number } | undefined;
    for (const [group, keys] of this.#groups) {
      if (except.has(group)) continue;
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
