import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** The answer to a GET. */
export type Answer = { readonly code: number; readonly contentType?: string; readonly body: string };

/** Answers a GET of one path. */
export type Handler = () => Answer | Promise<Answer>;

export interface HttpServer {
  /** The port it listens on; differs from the one asked for if that was 0. */
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Serves a few paths without parameters on all addresses, for probes and for Prometheus.
 *
 * @throws Error with code EADDRINUSE if the port is taken.
 */
export async function serveHttp(port: number, routes: Readonly<Record<string, Handler>>): Promise<HttpServer> {
  const server = createServer((request, response) => {
    const route = request.method === "GET" ? routes[request.url?.split("?")[0] ?? ""] : undefined;
    void answerOf(route).then(({ code, contentType, body }) => {
      response.writeHead(code, { "content-type": contentType ?? "text/plain; charset=utf-8" }).end(body);
    });
  });
  // Slow or idle clients must not keep connections: probes and scrapes take milliseconds.
  server.requestTimeout = 10_000;
  server.keepAliveTimeout = 5_000;
  await once(server.listen(port), "listening");
  return {
    port: (server.address() as AddressInfo).port, // a server that listens on a port has this form of address
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answerOf(route: Handler | undefined): Promise<Answer> {
  try {
    return (await route?.()) ?? { code: 404, body: "not found\n" };
  } catch {
    return { code: 500, body: "internal error\n" };
  }
}
