import { isObject, ownValue, type JsonObject } from "../values/json.ts";
import { checkDepth, checkKey, PatchRefused, VALUE_SIZE } from "./bounds.ts";
import { Meter } from "./meter.ts";
import { indexIn, parsePointer, stepInto } from "./pointer.ts";

/**
 * A JSON document that patches of both kinds change, within `PATCH_BOUNDS`. Every method throws `PatchRefused` for what
 * it cannot do, and nothing else; the document must not be used after that.
 */
export class BoundedDocument {
  readonly #meter = new Meter();
  /** The document is the one property, so that the root is replaced like any other value. */
  readonly #holder: JsonObject;

  /** @param root Is copied. */
  constructor(root: unknown) {
    this.#holder = { [ROOT]: this.#meter.copy(root, 0) };
  }

  get root(): unknown {
    return this.#holder[ROOT];
  }

  /** Whether there is something at a JSON pointer. */
  has(pointer: string): boolean {
    try {
      this.#read([ROOT, ...parsePointer(pointer)]);
      return true;
    } catch (error) {
      if (error instanceof PatchRefused) return false;
      throw error;
    }
  }

  /** Work so far, in the unit of `PATCH_BOUNDS.steps`. */
  get steps(): number {
    return this.#meter.steps;
  }

  /**
   * Applies one operation of a JSON patch.
   *
   * @see https://www.rfc-editor.org/rfc/rfc6902#section-4
   */
  applyOperation(operation: Readonly<JsonObject>): void {
    const path = this.#pathIn(operation, "path");
    switch (operation["op"]) {
      case "add":
        return this.#add(path, valueIn(operation));
      case "remove":
        return this.#remove(path);
      case "replace":
        return this.#replace(path, valueIn(operation));
      case "move":
        return this.#move(this.#pathIn(operation, "from"), path);
      case "copy":
        return this.#add(path, this.#read(this.#pathIn(operation, "from")));
      case "test":
        return this.#test(path, valueIn(operation));
      default:
        throw new PatchRefused("its op is unknown");
    }
  }

  /**
   * Applies a merge patch: null removes, objects merge, anything else replaces.
   *
   * @see https://www.rfc-editor.org/rfc/rfc7386#section-2
   */
  merge(patch: unknown): void {
    this.#holder[ROOT] = this.#merged(this.root, patch, 0);
  }

  #merged(target: unknown, patch: unknown, depth: number): unknown {
    if (isObject(patch) && isObject(target)) return this.#mergeInto(target, patch, depth);
    this.#meter.release(target);
    if (!isObject(patch)) return this.#meter.copy(patch, depth);
    this.#meter.grow(VALUE_SIZE);
    return this.#mergeInto({}, patch, depth);
  }

  #mergeInto(target: JsonObject, patch: Readonly<JsonObject>, depth: number): JsonObject {
    checkDepth(depth + 1);
    for (const [key, value] of Object.entries(patch)) {
      this.#meter.spend(VALUE_SIZE + key.length);
      checkKey(key);
      if (value === null) this.#drop(target, key);
      else this.#put(target, key, this.#merged(ownValue(target, key), value, depth + 1));
    }
    return target;
  }

  #drop(target: JsonObject, key: string): void {
    if (!Object.hasOwn(target, key)) return;
    this.#meter.release(target[key]);
    this.#meter.releaseKey(key);
    delete target[key];
  }

  /** The size of `value` is counted already. */
  #put(target: JsonObject, key: string, value: unknown): void {
    if (!Object.hasOwn(target, key)) this.#meter.grow(key.length);
    target[key] = value;
  }

  #read(path: Path): unknown {
    return path.reduce(stepInto, this.#holder);
  }

  #add(path: Path, value: unknown): void {
    const { container, key } = this.#placeOf(path);
    const depth = path.length - 1; // the root is at 0
    checkDepth(depth);
    if (isObject(container)) {
      this.#meter.release(ownValue(container, key));
      return this.#put(container, key, this.#meter.copy(value, depth));
    }
    const index = key === "-" ? container.length : indexIn(container, key, container.length);
    this.#meter.spend(container.length - index);
    container.splice(index, 0, this.#meter.copy(value, depth));
  }

  #remove(path: Path): void {
    const { container, key } = this.#placeOf(path);
    const value = stepInto(container, key);
    if (isObject(container)) return this.#drop(container, key);
    const index = Number(key);
    this.#meter.release(value);
    this.#meter.spend(container.length - index);
    container.splice(index, 1);
  }

  #replace(path: Path, value: unknown): void {
    const { container, key } = this.#placeOf(path);
    const old = stepInto(container, key);
    this.#meter.release(old);
    const added = this.#meter.copy(value, path.length - 1);
    if (isObject(container)) container[key] = added;
    else container[Number(key)] = added;
  }

  #move(from: Path, path: Path): void {
    const value = this.#read(from);
    if (from.every((key, index) => key === path[index])) {
      if (from.length === path.length) return; // to where it is
      throw new PatchRefused("a value cannot be moved into itself");
    }
    this.#remove(from);
    this.#add(path, value);
  }

  #test(path: Path, value: unknown): void {
    if (!this.#meter.isEqual(this.#read(path), value)) {
      throw new PatchRefused("the test failed: the value is another one");
    }
  }

  #placeOf(path: Path): Place {
    const container = this.#read(path.slice(0, -1));
    const key = path.at(-1) ?? ROOT;
    if (Array.isArray(container) || isObject(container)) return { container, key };
    throw new PatchRefused("the path does not exist");
  }

  #pathIn(operation: Readonly<JsonObject>, name: "path" | "from"): Path {
    const pointer = ownValue(operation, name);
    if (typeof pointer !== "string") throw new PatchRefused(`its ${name} is missing`);
    this.#meter.spend(VALUE_SIZE + pointer.length);
    return [ROOT, ...parsePointer(pointer)];
  }
}

const ROOT = "";

/** Keys from the holder of the document downwards. */
type Path = readonly string[];

type Place = { readonly container: JsonObject | unknown[]; readonly key: string };

function valueIn(operation: Readonly<JsonObject>): unknown {
  const value = ownValue(operation, "value");
  if (value === undefined) throw new PatchRefused("its value is missing");
  return value;
}
