import type { Dispatcher } from "undici";
import { jitter } from "./backoff.ts";
import type { CallResult } from "./client.ts";
import { type Clock, withDeadline } from "./clock.ts";
import type { Connection, Pools } from "./connection.ts";
import { ApiError, type Cause, ConnectionError, NotLeaderError } from "./errors.ts";

/** @see https://github.com/kubernetes/client-go/blob/master/rest/request.go maxRetries */
const MAX_ATTEMPTS = 10;

/** Time for one attempt; lists, which may be large, have twice as much. */
const CALL_TIMEOUT_MS = 30_000;
const LIST_TIMEOUT_MS = 60_000;

const METHODS = {
  get: "GET",
  list: "GET",
  watch: "GET",
  create: "POST",
  apply: "PATCH",
  patch: "PATCH",
  update: "PUT",
  delete: "DELETE",
} as const satisfies Record<CallResult["verb"], Dispatcher.HttpMethod>;

export type ApiRequest = {
  readonly verb: CallResult["verb"];
  /** For errors: `apply StatefulSet ns/name`. */
  readonly description: string;
  readonly resource: string;
  readonly group?: string | undefined;
  readonly subresource?: string | undefined;
  /** With the query. */
  readonly path: string;
  readonly body?: string | undefined;
  readonly contentType?: string | undefined;
  readonly accept?: string | undefined;
  /** Whether the request is idempotent. Default: only reads are. */
  readonly repeatable?: boolean | undefined;
  /** Called when an attempt is about to be sent; its NotLeaderError ends the call. */
  readonly beforeAttempt?: (() => void) | undefined;
};

export type TransportOptions = {
  readonly connection: Connection;
  readonly server: string;
  readonly userAgent: string;
  readonly clock: Clock;
  readonly onResult: (result: CallResult) => void;
};

/** Sends requests: credentials, time limits, and the retries that cannot take effect twice. */
export class Transport {
  readonly #options: TransportOptions;
  readonly #pathPrefix: string;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#pathPrefix = new URL(options.server).pathname.replace(/\/$/, "");
  }

  /** Sends, and retries as long as the server did not act. @returns The body of the response. */
  async call(request: ApiRequest, signal: AbortSignal): Promise<string> {
    const { clock } = this.#options;
    const timeoutMs = request.verb === "list" ? LIST_TIMEOUT_MS : CALL_TIMEOUT_MS;
    for (let attempt = 1; ; attempt++) {
      try {
        return await withDeadline(clock, timeoutMs, signal, (deadline) => this.#attempt(request, attempt, deadline));
      } catch (error) {
        signal.throwIfAborted();
        const waitMs = this.#retryDelayMs(request, error, attempt);
        if (waitMs === undefined) throw error;
        await clock.sleep(waitMs, signal);
      }
    }
  }

  /**
   * Opens a watch: one attempt, and no time limit once the headers have arrived. @returns The stream of the response.
   */
  async open(request: ApiRequest, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const report = this.#reporter(request, 1);
    const answer = await this.#send("watches", request, report, signal);
    report(answer.statusCode, 0, timeIn(answer));
    if (answer.statusCode >= 400) throw apiError(request, answer, await this.#text(request, answer, signal));
    return guard(answer.body, (error) => this.#unreachable(request, error, signal));
  }

  async #attempt(request: ApiRequest, attempt: number, signal: AbortSignal): Promise<string> {
    const report = this.#reporter(request, attempt);
    const answer = await this.#send("calls", request, report, signal);
    let text: string;
    try {
      text = await this.#text(request, answer, signal);
    } catch (error) {
      report(0, 0);
      throw error;
    }
    report(answer.statusCode, Number(answer.headers["content-length"] ?? text.length), timeIn(answer));
    if (answer.statusCode >= 400) throw apiError(request, answer, text);
    return text;
  }

  async #send(
    use: keyof Pools,
    request: ApiRequest,
    report: Report,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    const { connection, userAgent } = this.#options;
    const token = await connection.token();
    // Only now: pools that were replaced while the token was read would refuse the request.
    const pool = (await connection.pools())[use];
    const { beforeAttempt } = request;
    const dispatcher = beforeAttempt === undefined ? pool : pool.compose(checkedBy(beforeAttempt));
    try {
      const answer = await dispatcher.request({
        method: METHODS[request.verb],
        path: this.#pathPrefix + request.path,
        headers: headersOf(request, userAgent, token),
        body: request.body ?? null,
        signal,
      });
      if (answer.statusCode === 401) connection.refuseToken(token);
      return answer;
    } catch (error) {
      if (error instanceof NotLeaderError) throw error;
      report(0, 0);
      throw this.#unreachable(request, error, signal);
    }
  }

  async #text(request: ApiRequest, { body }: Dispatcher.ResponseData, signal: AbortSignal): Promise<string> {
    try {
      return await body.text();
    } catch (error) {
      throw this.#unreachable(request, error, signal);
    }
  }

  #unreachable(request: ApiRequest, cause: unknown, signal: AbortSignal): Error {
    if (signal.aborted && !isTimeout(signal.reason)) return signal.reason as Error;
    this.#options.connection.suspectCa();
    const { code, message } = (signal.aborted ? signal.reason : cause) as { code?: unknown; message?: string };
    const why = typeof code === "string" ? code : (message ?? "no response");
    return new ConnectionError(`${request.description}: cannot reach ${this.#options.server} (${why})`, { cause });
  }

  /** How long to wait before the next attempt, or undefined if there is none. */
  #retryDelayMs(request: ApiRequest, error: unknown, attempt: number): number | undefined {
    if (attempt >= MAX_ATTEMPTS) return undefined;
    if (error instanceof ApiError) {
      if (error.code === 401) return attempt === 1 ? 0 : undefined; // with the token as it is now
      const refused = error.code === 429 || error.code >= 500;
      return refused && error.retryAfterMs !== undefined ? jitter(error.retryAfterMs, 1, 1.5, Math.random) : undefined;
    }
    // It is unknown whether the server acted; what is idempotent is retried once, the work queue retries the rest.
    const { repeatable = METHODS[request.verb] === "GET" } = request;
    return error instanceof ConnectionError && repeatable && attempt === 1 ? jitter(100, 1, 5, Math.random) : undefined;
  }

  /** Measures one attempt from now on. */
  #reporter({ verb, resource, group = "", subresource = "" }: ApiRequest, attempt: number): Report {
    const { clock, onResult } = this.#options;
    const startMs = clock.monotonicMs();
    return (code, bytes, serverTime) => {
      const durationMs = clock.monotonicMs() - startMs;
      onResult({ verb, resource, group, subresource, code, durationMs, serverTime, bytes, attempt });
    };
  }
}

/**
 * Checks a request at the moment when it is written to a connection: undici queues it until one is made or free, and even
 * on an idle one until the next turn of the event loop.
 */
const checkedBy =
  (check: () => void): Dispatcher.DispatcherComposeInterceptor =>
  (dispatch) =>
  (options, handler) => {
    const start = handler.onRequestStart?.bind(handler);
    handler.onRequestStart = (controller, context): void => {
      check();
      start?.(controller, context);
    };
    return dispatch(options, handler);
  };

/**
 * Reports how an attempt ended: HTTP status code, 0 if there was no response, bytes of the response's body, and its
 * time.
 */
type Report = (code: number, bytes: number, serverTime?: Date) => void;

function timeIn({ headers: { date } }: Dispatcher.ResponseData): Date | undefined {
  const time = new Date(String(date));
  return Number.isNaN(time.getTime()) ? undefined : time;
}

function headersOf(
  { accept = "application/json", body, contentType = "application/json" }: ApiRequest,
  userAgent: string,
  token: string | undefined,
): Readonly<Record<string, string>> {
  return {
    accept,
    "user-agent": userAgent,
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(body === undefined ? {} : { "content-type": contentType }),
  };
}

const isTimeout = (reason: unknown): boolean => reason instanceof DOMException && reason.name === "TimeoutError";

/** The chunks of a stream, with its errors translated. */
async function* guard(
  body: AsyncIterable<Uint8Array>,
  translate: (error: unknown) => Error,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* body;
  } catch (error) {
    throw translate(error);
  }
}

type Status = {
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: {
    readonly name?: string;
    readonly kind?: string;
    readonly causes?: readonly Cause[];
    readonly retryAfterSeconds?: number;
  };
};

function apiError(request: ApiRequest, answer: Dispatcher.ResponseData, body: string): ApiError {
  const header = Number(answer.headers["retry-after"]);
  const retryAfterMs = Number.isFinite(header) ? header * 1000 : undefined;
  return statusError(request.description, parseStatus(body), answer.statusCode, retryAfterMs);
}

/** The error that a Status object represents, in a response or inside a watch. */
export function statusError(description: string, status: Status, code?: number, retryAfterMs?: number): ApiError {
  const { details } = status;
  return new ApiError(description, {
    code: code ?? status.code ?? 500,
    reason: status.reason,
    detail: status.message,
    causes: details?.causes,
    about: details?.kind === undefined ? undefined : `${details.kind}/${details.name ?? ""}`,
    retryAfterMs:
      retryAfterMs ?? (details?.retryAfterSeconds === undefined ? undefined : details.retryAfterSeconds * 1000),
  });
}

/** What is not JSON comes from a proxy in between: only the code is known. */
function parseStatus(body: string): Status {
  try {
    const status: unknown = JSON.parse(body);
    return typeof status === "object" && status !== null ? status : {};
  } catch {
    return {};
  }
}
