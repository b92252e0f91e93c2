import { connect, type ClientHttp2Session, type OutgoingHttpHeaders } from "node:http2";

/** What a server said to one request of an HTTP/2 connection. */
export type Http2Answer = { readonly status: number; readonly headers: Readonly<Record<string, unknown>> };

/** A connection that speaks HTTP/2 over TLS. */
export type Http2Connection = {
  /** Sends one request, with `:method`, `:path` and any other headers, and waits for the head of the answer. */
  readonly ask: (headers: OutgoingHttpHeaders, body?: string) => Promise<Http2Answer>;
  readonly close: () => void;
};

const TIMEOUT_MS = 60_000;

/** Connects to a host below `.localhost`, whose certificate may be anyone's. @throws Error if HTTP/2 is not spoken there. */
export async function connectHttp2(origin: string): Promise<Http2Connection> {
  const { hostname, port } = new URL(origin);
  const { promise, resolve, reject } = Promise.withResolvers<ClientHttp2Session>();
  const session = connect(origin, {
    host: "127.0.0.1",
    port: port === "" ? 443 : Number(port),
    servername: hostname,
    rejectUnauthorized: false,
  });
  session.once("connect", () => resolve(session));
  session.on("error", reject);
  await promise;
  return { ask: (headers, body) => ask(session, headers, body), close: () => session.destroy() };
}

function ask(session: ClientHttp2Session, headers: OutgoingHttpHeaders, body = ""): Promise<Http2Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Http2Answer>();
  const stream = session.request(headers, { endStream: body === "" });
  stream.setTimeout(TIMEOUT_MS, () => stream.destroy(new Error(`no answer to ${headers[":path"]}`)));
  stream.on("response", (answer) => {
    resolve({ status: answer[":status"] ?? 0, headers: answer });
    stream.resume();
  });
  stream.on("error", reject);
  stream.on("close", () => reject(new Error(`${headers[":path"]} was closed without an answer`)));
  if (body !== "") stream.end(body);
  return promise;
}
