import { readFileSync } from "node:fs";
import { request as requestHttp, Agent as HttpAgent, type IncomingMessage, type RequestOptions } from "node:http";
import { request as requestHttps, Agent as HttpsAgent } from "node:https";
import { rootCertificates } from "node:tls";
import type { ProviderConfig } from "./config.ts";
import { parseRecord, type JsonRecord } from "./json.ts";
import { answerTo, readText } from "./read-text.ts";
import { isWebAddress, metadataAddress } from "./web-address.ts";

/** The parts of the provider's metadata that are used here (OpenID Connect Discovery, 3). */
export type ProviderMetadata = {
  /** Undefined if the provider does not say. */
  readonly scopes: readonly string[] | undefined;
  /** UserInfo endpoint. */
  readonly userInfoUrl: string | undefined;
  /** Where its session can be ended (OpenID Connect RP-Initiated Logout, 2.1). */
  readonly endSessionUrl: string | undefined;
  /** Supported values of `prompt`; undefined if it does not say. */
  readonly prompts: readonly string[] | undefined;
};

/** Somebody waits for a redirect meanwhile. */
const TIMEOUT_MS = 3_000;
/** How long the metadata counts, and how long a failure to read it. */
const FRESH_MS = { Read: 600_000, Failed: 15_000 } as const;
const MAX_BYTES = 256 * 1024;

type Known = { readonly metadata: ProviderMetadata | undefined; readonly until: number };

/**
 * The provider's metadata, read when somebody signs in. It affects how users sign in, not who is authorized: without it
 * the login works as configured.
 */
export class Provider {
  readonly #config: ProviderConfig;
  readonly #now: () => number;
  readonly #authorities: readonly string[] | undefined;
  #known: Known = { metadata: undefined, until: 0 };
  #reading: Promise<ProviderMetadata | undefined> | undefined;

  /** @param now The wall clock, in milliseconds. @throws If a file with certificate authorities cannot be read. */
  constructor(config: ProviderConfig, now: () => number) {
    this.#config = config;
    this.#now = now;
    const own = config.caFiles.map((file) => readFileSync(file, "utf8"));
    this.#authorities = own.length === 0 ? undefined : [...rootCertificates, ...own];
  }

  /** Undefined if it cannot be read. Never rejects, and takes seconds at most. */
  async metadata(): Promise<ProviderMetadata | undefined> {
    if (this.#now() < this.#known.until) return this.#known.metadata;
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  /**
   * The provider's claims about the owner of an access token (OpenID Connect Core, 5.3); undefined if it cannot be
   * read.
   */
  async userInfo(accessToken: string): Promise<JsonRecord | undefined> {
    const url = (await this.metadata())?.userInfoUrl;
    if (url === undefined || accessToken === "") return undefined;
    return this.#get(url, { Authorization: `Bearer ${accessToken}` }).then(parseRecord, () => undefined);
  }

  /** Whether it responds at all now, even without metadata. Never rejects, and takes seconds at most. */
  async isAnswering(): Promise<boolean> {
    const { issuerUrl } = this.#config;
    if (issuerUrl === undefined) return false;
    const response = await this.#ask(metadataAddress(issuerUrl)).catch(() => undefined);
    response?.destroy();
    return response?.statusCode !== undefined && response.statusCode < 500;
  }

  /** A document of the provider. @throws Error if it cannot be read, with its address. */
  async getJson(url: string): Promise<unknown> {
    try {
      return JSON.parse(await this.#get(url));
    } catch (error) {
      throw new Error(`${url}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }

  async #read(): Promise<ProviderMetadata | undefined> {
    const { issuerUrl } = this.#config;
    if (issuerUrl === undefined) return undefined;
    const metadata = await this.#get(metadataAddress(issuerUrl)).then(parseMetadata, () => undefined);
    const freshMs = metadata === undefined ? FRESH_MS.Failed : FRESH_MS.Read;
    this.#known = { metadata, until: this.#now() + freshMs };
    return metadata;
  }

  async #get(address: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
    const response = await this.#ask(address, headers);
    const text = await readText(response, MAX_BYTES);
    if (response.statusCode !== 200) throw new Error(`it responded with ${response.statusCode}`);
    return text;
  }

  #ask(address: string, headers: Readonly<Record<string, string>> = {}): Promise<IncomingMessage> {
    const isSecure = address.startsWith("https:");
    const proxyEnv = process.env; // through the proxy, if there is one, as for oauth2-proxy
    const options: RequestOptions & { ca?: string[] } = {
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: { Accept: "application/json", ...headers },
      agent: isSecure ? new HttpsAgent({ proxyEnv }) : new HttpAgent({ proxyEnv }),
      ...(this.#authorities === undefined ? {} : { ca: [...this.#authorities] }),
    };
    return answerTo((isSecure ? requestHttps : requestHttp)(address, options));
  }
}

/** Undefined if it is not a JSON object. */
function parseMetadata(text: string): ProviderMetadata | undefined {
  const document = parseRecord(text);
  if (document === undefined) return undefined;
  return {
    scopes: textsOf(document["scopes_supported"]),
    userInfoUrl: urlOf(document["userinfo_endpoint"]),
    endSessionUrl: urlOf(document["end_session_endpoint"]),
    prompts: textsOf(document["prompt_values_supported"]),
  };
}

function textsOf(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : undefined;
}

function urlOf(value: unknown): string | undefined {
  return isWebAddress(value) ? value : undefined;
}
