import { Agent, request, type IncomingHttpHeaders, type IncomingMessage, type RequestOptions } from "node:http";
import type { LoopbackAddress } from "./config.ts";
import { readText } from "./read-text.ts";

/** The response of oauth2-proxy; its body only if requested. */
export type LoginAnswer =
  | {
      readonly kind: "Answered";
      readonly status: number;
      readonly headers: IncomingHttpHeaders;
      readonly body: string;
    }
  | { readonly kind: "Unreachable"; readonly problem: string };

/** Room for a session with some thousand groups. */
const MAX_ANSWER_BYTES = 512 * 1024;

/** For response headers: a session with a provider's tokens comes as cookies. */
const MAX_HEADER_BYTES = 128 * 1024;

/** Requests of one kind: the number that run concurrently, and the number that may wait. Further ones fail at once. */
export type LaneLimits = { readonly asking: number; readonly waiting: number; readonly timeoutMs: number };

/**
 * Queries oauth2-proxy over loopback. Each lane is independent, so that requests of one kind cannot delay those of
 * another.
 */
export class LoginLane {
  readonly #address: LoopbackAddress;
  readonly #limits: LaneLimits;
  readonly #agent: Agent;
  #open = 0;

  constructor(address: LoopbackAddress, limits: LaneLimits) {
    this.#address = address;
    this.#limits = limits;
    this.#agent = new Agent({ keepAlive: true, maxSockets: limits.asking });
  }

  /** Sends a GET without following redirects. Never rejects. */
  async get(path: string, headers: Readonly<Record<string, string>>): Promise<LoginAnswer> {
    const { asking, waiting, timeoutMs } = this.#limits;
    if (this.#open >= asking + waiting) return unreachable("too many questions wait for it");
    this.#open += 1;
    const deadline = new AbortController(); // AbortSignal.timeout would retain what it references for the whole time
    const timer = setTimeout(() => deadline.abort(), timeoutMs);
    const options = {
      ...this.#address,
      path,
      headers,
      agent: this.#agent,
      signal: deadline.signal,
      maxHeaderSize: MAX_HEADER_BYTES,
    };
    const answer = await send(options);
    clearTimeout(timer);
    this.#open -= 1;
    return answer;
  }

  close(): void {
    this.#agent.destroy();
  }
}

function send(options: RequestOptions & { readonly signal: AbortSignal }): Promise<LoginAnswer> {
  const { promise, resolve } = Promise.withResolvers<LoginAnswer>();
  const asked = request(options, (response) => resolve(answerOf(response)));
  asked.on("error", (error) => {
    // oauth2-proxy may have been restarted, and the connection be one to the old process
    const isWorthAnother = asked.reusedSocket && !options.signal.aborted;
    resolve(isWorthAnother ? send({ ...options, agent: false }) : unreachable(error.message));
  });
  asked.end();
  return promise;
}

async function answerOf(response: IncomingMessage): Promise<LoginAnswer> {
  const { statusCode: status = 0, headers } = response;
  try {
    return { kind: "Answered", status, headers, body: await readText(response, MAX_ANSWER_BYTES) };
  } catch (error) {
    return unreachable(error instanceof Error ? error.message : String(error));
  }
}

function unreachable(problem: string): LoginAnswer & { readonly kind: "Unreachable" } {
  return { kind: "Unreachable", problem };
}
