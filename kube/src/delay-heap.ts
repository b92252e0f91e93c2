type Entry<K> = { readonly key: K; readonly dueMs: number };

/** Keys with a due time, at most one each, earliest first: a binary heap that leaves out what was cancelled. */
export class DelayHeap<K> {
  #heap: Entry<K>[] = [];
  readonly #entries = new Map<K, Entry<K>>();

  get size(): number {
    return this.#entries.size;
  }

  dueMs(key: K): number | undefined {
    return this.#entries.get(key)?.dueMs;
  }

  /** Sets the due time of a key, in place of an earlier or later one. */
  set(key: K, dueMs: number): void {
    const entry = { key, dueMs };
    this.#entries.set(key, entry);
    this.#heap.push(entry);
    this.#up(this.#heap.length - 1);
    if (this.#heap.length > 2 * this.#entries.size + 64) this.#compact();
  }

  delete(key: K): void {
    this.#entries.delete(key);
  }

  /** The earliest due time. */
  nextMs(): number | undefined {
    this.#dropCancelled();
    return this.#heap[0]?.dueMs;
  }

  /** Takes out the earliest key that is due. */
  popDue(nowMs: number): K | undefined {
    this.#dropCancelled();
    const first = this.#heap[0];
    if (first === undefined || first.dueMs > nowMs) return undefined;
    this.#entries.delete(first.key);
    this.#removeFirst();
    return first.key;
  }

  #isCancelled(entry: Entry<K>): boolean {
    return this.#entries.get(entry.key) !== entry;
  }

  #dropCancelled(): void {
    for (let first = this.#heap[0]; first !== undefined && this.#isCancelled(first); first = this.#heap[0]) {
      this.#removeFirst();
    }
  }

  /** A key that is set and deleted again and again with a far due time would pile up otherwise. */
  #compact(): void {
    this.#heap = [...this.#entries.values()].toSorted((a, b) => a.dueMs - b.dueMs);
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#down();
  }

  #up(index: number): void {
    for (let parent = (index - 1) >> 1; index > 0 && this.#due(index) < this.#due(parent); parent = (index - 1) >> 1) {
      this.#swap(index, parent);
      index = parent;
    }
  }

  #down(): void {
    for (let index = 0; ;) {
      const left = 2 * index + 1;
      const child = this.#due(left + 1) < this.#due(left) ? left + 1 : left;
      if (this.#due(child) >= this.#due(index)) return;
      this.#swap(index, child);
      index = child;
    }
  }

  #due(index: number): number {
    return this.#heap[index]?.dueMs ?? Number.POSITIVE_INFINITY;
  }

  #swap(a: number, b: number): void {
    const [first, second] = [this.#heap[a], this.#heap[b]];
    if (first === undefined || second === undefined) return;
    this.#heap[a] = second;
    this.#heap[b] = first;
  }
}
