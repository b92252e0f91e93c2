import { isObject, type JsonObject } from "../decide/values/json.ts";

/** The environment as a parameter: `process.env` is read in `main.ts` only. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What is wrong with the configuration, all of it, one sentence per variable. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(`the configuration is wrong: ${problems.join("; ")}`);
    this.problems = problems;
  }
}

/**
 * Reads variables one by one and collects what is wrong with them, so that one start shows every mistake. An empty
 * variable counts as unset, because templates of Deployments often leave them empty.
 */
export class EnvironmentReader {
  readonly problems: string[] = [];
  readonly #env: Environment;

  constructor(env: Environment) {
    this.#env = env;
  }

  /** The trimmed text, or undefined if unset or empty. */
  text(name: string): string | undefined {
    const value = this.#env[name]?.trim();
    return value === "" ? undefined : value;
  }

  /** `true`/`false`, also as `1`/`0`, `yes`/`no`, `on`/`off`, in any case, as 0.24 read them. */
  flag(name: string, fallback: boolean): boolean {
    const value = this.text(name)?.toLowerCase();
    if (value === undefined) return fallback;
    if (["true", "1", "yes", "on", "t", "y"].includes(value)) return true;
    if (["false", "0", "no", "off", "f", "n"].includes(value)) return false;
    this.problems.push(`${name} must be true or false, not "${value}"`);
    return fallback;
  }

  /** An integer within bounds, both included. */
  integer(name: string, fallback: number, bounds: { readonly min: number; readonly max?: number }): number {
    const text = this.text(name);
    if (text === undefined) return fallback;
    const value = Number(text);
    const max = bounds.max ?? Number.MAX_SAFE_INTEGER;
    if (Number.isInteger(value) && value >= bounds.min && value <= max) return value;
    const range = bounds.max === undefined ? `of at least ${bounds.min}` : `from ${bounds.min} to ${bounds.max}`;
    this.problems.push(`${name} must be an integer ${range}, not "${text}"`);
    return fallback;
  }

  /** One of a few words. */
  choice<const T extends string>(name: string, choices: readonly T[], fallback: T): T {
    const text = this.text(name)?.toLowerCase();
    if (text === undefined) return fallback;
    const found = choices.find((choice) => choice === text);
    if (found !== undefined) return found;
    this.problems.push(`${name} must be one of ${choices.join(", ")}, not "${text}"`);
    return fallback;
  }

  /**
   * A structured value; `accept` returns the typed value, or undefined if the shape is wrong.
   * @param parse Reads the text. Default: as JSON.
   */
  structured<T>(
    name: string,
    shape: string,
    accept: (value: unknown) => T | undefined,
    fallback: T,
    parse: (text: string) => unknown = JSON.parse,
  ): T {
    const text = this.text(name);
    if (text === undefined) return fallback;
    let parsed: unknown;
    try {
      parsed = parse(text);
    } catch {
      parsed = undefined;
    }
    const value = accept(parsed);
    if (value !== undefined) return value;
    this.problems.push(`${name} must be ${shape}`);
    return fallback;
  }

  /** A JSON object; empty if it is unset. */
  object(name: string): Readonly<JsonObject> {
    return this.structured(name, "a JSON object", asObject, {});
  }
}

/** The value if it is an object, neither a list nor null. */
export function asObject(value: unknown): Readonly<JsonObject> | undefined {
  return isObject(value) ? value : undefined;
}
