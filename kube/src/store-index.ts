import type { KubeObject, Live, ObjectKey } from "./objects.ts";

/** Finds the keys of objects by a value in them, kept up to date change by change. */
export class StoreIndex<T extends KubeObject> {
  readonly #valuesOf: (object: Live<T>) => readonly string[];
  readonly #keysByValue = new Map<string, Set<ObjectKey>>();

  constructor(valuesOf: (object: Live<T>) => readonly string[]) {
    this.#valuesOf = valuesOf;
  }

  keys(value: string): readonly ObjectKey[] {
    return [...(this.#keysByValue.get(value) ?? [])];
  }

  update(key: ObjectKey, previous: Live<T> | undefined, current: Live<T> | undefined): void {
    for (const value of previous === undefined ? [] : this.#valuesOf(previous)) {
      const keys = this.#keysByValue.get(value);
      keys?.delete(key);
      if (keys?.size === 0) this.#keysByValue.delete(value);
    }
    for (const value of current === undefined ? [] : this.#valuesOf(current)) {
      const keys = this.#keysByValue.get(value);
      if (keys === undefined) this.#keysByValue.set(value, new Set([key]));
      else keys.add(key);
    }
  }
}
