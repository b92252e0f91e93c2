import { createSecureContext, type SecureContext } from "node:tls";
import { Pool } from "undici";
import type { Clock } from "./clock.ts";
import type { KubeConfig } from "./kube-config.ts";
import type { Logger } from "./logger.ts";

/** Connections for calls: as many as the controller has workers. */
const REQUEST_CONNECTIONS = 16;

/** The API server closes idle connections after 90 seconds; we close first, so that no request meets a closing one. */
const KEEP_ALIVE_MS = 30_000;

/** First TCP probe after 15 seconds; a dead peer is found after about 24 (measured, see the ADR on this runtime). */
const TCP_KEEP_ALIVE_MS = 15_000;

const CONNECT_TIMEOUT_MS = 5_000;

/** @see https://github.com/kubernetes/client-go/blob/master/transport/token_source.go a minute as well */
const TOKEN_MAX_AGE_MS = 60_000;

const CA_MAX_AGE_MS = 5 * 60_000;

export type Pools = { readonly calls: Pool; readonly watches: Pool };

/** Connections to one API server, and the credentials for them, which may change at any time. */
export class Connection {
  readonly #config: KubeConfig;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #maxAnswerBytes: number | undefined;
  #pools: Pools | undefined;
  #ca: string | undefined;
  #caCheckedMs = Number.NEGATIVE_INFINITY;
  #opening: Promise<Pools> | undefined;
  #token: string | undefined;
  #tokenReadMs = Number.NEGATIVE_INFINITY;

  /** @param maxAnswerBytes Size of a response's body at which a call fails; undefined: no limit. */
  constructor(config: KubeConfig, clock: Clock, logger: Logger, maxAnswerBytes: number | undefined) {
    this.#config = config;
    this.#clock = clock;
    this.#logger = logger;
    this.#maxAnswerBytes = maxAnswerBytes;
  }

  /** The pools to use now: new ones if the certificate authority has changed; requests on the old ones continue. */
  async pools(): Promise<Pools> {
    const fresh = this.#clock.monotonicMs() - this.#caCheckedMs < CA_MAX_AGE_MS;
    if (this.#pools !== undefined && fresh) return this.#pools;
    this.#opening ??= this.#open().finally(() => (this.#opening = undefined));
    return await this.#opening;
  }

  /** Re-reads the certificate authority before the next request: one failed, perhaps because of it. */
  suspectCa(): void {
    this.#caCheckedMs = Number.NEGATIVE_INFINITY;
  }

  async #open(): Promise<Pools> {
    const ca = await this.#readCa();
    this.#caCheckedMs = this.#clock.monotonicMs();
    if (this.#pools !== undefined && ca === this.#ca) return this.#pools;
    const old = this.#pools;
    this.#ca = ca;
    const { clientCertificate } = this.#config;
    // One for all: each connection would make one of its own, 50 kB.
    const secureContext = createSecureContext({ ...(ca === undefined ? {} : { ca }), ...clientCertificate });
    this.#pools = {
      calls: this.#pool(secureContext, {
        connections: REQUEST_CONNECTIONS,
        headersTimeout: 60_000,
        bodyTimeout: 60_000,
        maxResponseSize: this.#maxAnswerBytes ?? -1,
      }),
      // One connection for each watch, without limit: a watch must never wait for another one, nor delay a call.
      watches: this.#pool(secureContext, { headersTimeout: 15_000, bodyTimeout: 0 }),
    };
    if (old !== undefined) void closeWhenIdle(old);
    return this.#pools;
  }

  async #readCa(): Promise<string | undefined> {
    try {
      return await this.#config.readCa?.();
    } catch (error) {
      if (this.#pools === undefined) throw error;
      this.#logger.warn({ err: error }, "cannot read the certificate authority; keeping the current one");
      return this.#ca;
    }
  }

  #pool(secureContext: SecureContext, options: Pool.Options): Pool {
    const { tlsServerName, insecureSkipTlsVerify, server } = this.#config;
    return new Pool(new URL(server).origin, {
      ...options,
      pipelining: 1,
      allowH2: false, // undici's HTTP/2 does not notice a dead peer (measured)
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS, // whatever a proxy on the way allows
      connect: {
        timeout: CONNECT_TIMEOUT_MS,
        keepAlive: true,
        keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
        rejectUnauthorized: insecureSkipTlsVerify !== true,
        ...(tlsServerName === undefined ? {} : { servername: tlsServerName }),
        secureContext,
      },
    });
  }

  /** The bearer token, at most a minute old; undefined if there is none. The previous one if it cannot be read. */
  async token(): Promise<string | undefined> {
    const { readToken } = this.#config;
    if (readToken === undefined) return undefined;
    if (this.#clock.monotonicMs() - this.#tokenReadMs < TOKEN_MAX_AGE_MS) return this.#token;
    try {
      this.#token = (await readToken()).trim();
      this.#tokenReadMs = this.#clock.monotonicMs();
    } catch (error) {
      if (this.#token === undefined) throw error;
      this.#logger.warn({ err: error }, "cannot read the token; keeping the current one");
    }
    return this.#token;
  }

  /** The API server refused this token: it is read again, unless that has happened since. */
  refuseToken(token: string | undefined): void {
    if (token === this.#token) this.#tokenReadMs = Number.NEGATIVE_INFINITY;
  }

  /** Ends all requests. */
  async close(): Promise<void> {
    const pools = this.#pools;
    await Promise.all([pools?.calls.destroy(), pools?.watches.destroy()]);
  }
}

async function closeWhenIdle({ calls, watches }: Pools): Promise<void> {
  await Promise.allSettled([calls.close(), watches.close()]);
}
