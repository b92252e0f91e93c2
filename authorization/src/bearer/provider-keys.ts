import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from "jose";
import { metadataAddress } from "../web-address.ts";
import type { BearerSettings } from "./settings.ts";

/** A key that the provider revokes is refused after this time at the latest, as long as the provider responds. */
const FRESH_MS = 600_000;
/** How long keys are used while the provider does not respond. */
const USABLE_MS = 86_400_000;
/** Minimum time between two requests to the provider, so that made-up tokens cannot cause more. */
const PAUSE_MS = 10_000;
/** A provider has two or three. */
const MAX_KEYS = 100;

/** The provider's keys are unknown, so a token cannot be verified. */
export class KeysUnavailable extends Error {
  override readonly name = "KeysUnavailable";
}

/** Reads a JSON document. @throws Error */
export type GetJson = (url: string) => Promise<unknown>;

type Source = Pick<BearerSettings, "issuerUrl" | "jwksUrl">;
type Known = { readonly find: JWTVerifyGetKey; readonly since: number };

/** The provider's signing keys, read on demand and cached. */
export class ProviderKeys {
  readonly #source: Source;
  readonly #getJson: GetJson;
  readonly #now: () => number;
  readonly #onProblem: (problem: string) => void;
  #known: Known | undefined;
  #askedAt = -Infinity;
  #problem = "";
  #asking: Promise<void> | undefined;

  /**
   * @param now Milliseconds that never go back.
   * @param onProblem Called with the reason why the provider's keys could not be read.
   */
  constructor(source: Source, getJson: GetJson, now: () => number, onProblem: (problem: string) => void) {
    this.#source = source;
    this.#getJson = getJson;
    this.#now = now;
    this.#onProblem = onProblem;
  }

  /** The key a token names. @throws KeysUnavailable, or an error of jose when the provider has no such key. */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    if (this.#age() > FRESH_MS) await this.#ask();
    try {
      return await this.#current()(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || !(await this.#ask())) throw error;
      return this.#current()(header, token); // the provider may have a new key
    }
  };

  #age(): number {
    return this.#known === undefined ? Infinity : this.#now() - this.#known.since;
  }

  #current(): JWTVerifyGetKey {
    if (this.#known === undefined || this.#age() > USABLE_MS) throw new KeysUnavailable(this.#problem);
    return this.#known.find;
  }

  /** Queries the provider, unless that was done a moment ago. @returns Whether it was queried. */
  async #ask(): Promise<boolean> {
    const isNew = this.#asking === undefined;
    if (isNew && this.#now() - this.#askedAt < PAUSE_MS) return false;
    this.#asking ??= this.#read().finally(() => (this.#asking = undefined));
    await this.#asking;
    return true;
  }

  async #read(): Promise<void> {
    this.#askedAt = this.#now();
    try {
      const keys = keysOf(await this.#getJson(await this.#address()));
      this.#known = { find: createLocalJWKSet(keys), since: this.#now() };
    } catch (error) {
      this.#problem = error instanceof Error ? error.message : String(error);
      this.#onProblem(this.#problem);
    }
  }

  async #address(): Promise<string> {
    const { issuerUrl, jwksUrl } = this.#source;
    if (jwksUrl !== undefined) return jwksUrl;
    const metadata = await this.#getJson(metadataAddress(issuerUrl));
    const { issuer, jwks_uri: address } = Object(metadata) as Readonly<Record<string, unknown>>;
    if (issuer !== issuerUrl) throw new Error(`the issuer of the provider at ${issuerUrl} is ${String(issuer)}`);
    if (typeof address !== "string" || !/^https?:/.test(address))
      throw new Error("the provider's metadata has no jwks_uri");
    return address;
  }
}

function keysOf(document: unknown): JSONWebKeySet {
  const { keys } = Object(document) as { readonly keys?: unknown };
  if (!Array.isArray(keys) || keys.length > MAX_KEYS) throw new Error("the provider's keys are not a valid key set");
  return { keys: keys as JSONWebKeySet["keys"] }; // jose checks each
}
