/** A sorted set of strings: a position among thousands takes a handful of comparisons. */
export class SortedTexts {
  readonly #texts: string[] = [];

  get size(): number {
    return this.#texts.length;
  }

  /** The one at this place, counted from 0. */
  at(place: number): string | undefined {
    return this.#texts[place];
  }

  /** How many come before this text, which need not be among them. */
  countBefore(text: string): number {
    let [low, high] = [0, this.#texts.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#texts[middle] ?? "") < text) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  add(text: string): void {
    const place = this.countBefore(text);
    if (this.#texts[place] !== text) this.#texts.splice(place, 0, text);
  }

  delete(text: string): void {
    const place = this.countBefore(text);
    if (this.#texts[place] === text) this.#texts.splice(place, 1);
  }
}
