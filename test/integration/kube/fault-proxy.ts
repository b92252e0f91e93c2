import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import type { AddressInfo } from "node:net";

/** What happens to a request instead of being answered by the API server. */
export type Fault =
  | { readonly kind: "Answer"; readonly code: number; readonly reason?: string; readonly retryAfterSeconds?: number }
  /** Headers of a watch, then these lines, then the end; a line without newline is cut off. */
  | { readonly kind: "Stream"; readonly text: string }
  /** The connection is reset after the request has come. */
  | { readonly kind: "Reset" }
  /** No answer, ever. */
  | { readonly kind: "Silence" }
  /** Headers of a watch, and then nothing. */
  | { readonly kind: "SilentStream" };

export type Seen = { readonly method: string; readonly url: URL; readonly isWatch: boolean };

/**
 * Stands between a client and the API server, speaks plain HTTP to the client, and forwards with the client's token
 * whatever `fault` does not want. Faults of the connection itself are the business of `TcpProxy`.
 */
export class FaultProxy implements AsyncDisposable {
  /** Asked for each request; undefined forwards it. */
  fault: (request: Seen) => Fault | undefined = () => undefined;
  /** All requests, in their order. */
  readonly seen: Seen[] = [];
  /** Requests that are under way. */
  readonly open: Set<Seen> = new Set();
  readonly #watches = new Set<ServerResponse>();
  readonly #server: Server;
  readonly #agent: Agent;
  readonly #target: string;

  private constructor(target: string, ca: string) {
    this.#target = target;
    this.#agent = new Agent({ ca, keepAlive: true });
    this.#server = createServer((request, response) => this.#handle(request, response));
  }

  static async start({ url, ca }: { readonly url: string; readonly ca: string }): Promise<FaultProxy> {
    const proxy = new FaultProxy(url, ca);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Lists and watches since `from`, as words: `list`, `check` (of the version), `stream` (of what exists), `watch`. */
  readsOf(plural: string, from = 0): string[] {
    return this.seen
      .slice(from)
      .filter(({ method, url }) => method === "GET" && url.pathname.endsWith(`/${plural}`))
      .map(({ isWatch, url: { searchParams } }) =>
        isWatch
          ? searchParams.has("sendInitialEvents")
            ? "stream"
            : "watch"
          : searchParams.get("limit") === "1"
            ? "check"
            : "list",
      );
  }

  /** Ends every watch in good order, as the server does when its time is over. */
  endWatches(): void {
    for (const response of this.#watches) response.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "/", this.#target);
    const seen = { method: request.method ?? "GET", url, isWatch: url.searchParams.get("watch") === "true" };
    this.seen.push(seen);
    const fault = this.fault(seen);
    this.open.add(seen);
    if (seen.isWatch) this.#watches.add(response);
    response.on("close", () => {
      this.open.delete(seen);
      this.#watches.delete(response);
    });
    if (fault === undefined) this.#forward(request, response, url);
    else act(fault, response);
  }

  #forward(request: IncomingMessage, response: ServerResponse, url: URL): void {
    const { host: _, ...headers } = request.headers;
    const forwarded = httpsRequest(url, { agent: this.#agent, method: request.method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      answer.pipe(response);
      answer.on("error", () => response.destroy());
    });
    forwarded.on("error", () => response.destroy());
    response.on("close", () => forwarded.destroy());
    request.pipe(forwarded);
  }
}

function act(fault: Fault, response: ServerResponse): void {
  switch (fault.kind) {
    case "Answer": {
      const { code, reason = "", retryAfterSeconds } = fault;
      const retryAfter = retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) };
      response.writeHead(code, { "content-type": "application/json", ...retryAfter });
      response.end(JSON.stringify({ kind: "Status", apiVersion: "v1", status: "Failure", code, reason }));
      return;
    }
    case "Stream":
      response.writeHead(200, { "content-type": "application/json" });
      response.end(fault.text);
      return;
    case "SilentStream":
      response.writeHead(200, { "content-type": "application/json" });
      response.flushHeaders();
      return;
    case "Reset":
      response.socket?.resetAndDestroy();
      return;
    case "Silence":
      return;
  }
}

/** The line of a watch that ends it with an error. */
export function errorEvent(code: number, reason: string): string {
  const object = { kind: "Status", apiVersion: "v1", status: "Failure", code, reason };
  return `${JSON.stringify({ type: "ERROR", object })}\n`;
}
