import { request, STATUS_CODES, type ClientRequest, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import type { Identity } from "./identity.ts";
import type { CloseReason, OpenSockets } from "./open-sockets.ts";
import type { RequestFacts } from "./request-facts.ts";
import type { Upstream } from "./request-path.ts";

/** A kernel may take this long to answer a handshake while it starts. */
const HANDSHAKE_TIMEOUT_MS = 120_000;
/** After one side has ended, the other has this long to finish. */
const HALF_CLOSED_TIMEOUT_MS = 10_000;

/** Never reach the upstream: identity, credentials, and what describes a body or this connection. */
const DROPPED_HEADERS =
  /^(x-auth-request-.*|x-forwarded-(user|email|groups|preferred-username|access-token)|authorization|cookie|connection|upgrade|keep-alive|proxy-.*|te|trailer|transfer-encoding|content-length|http2-settings)$/i;

/** Belong to one connection (RFC 9110, 7.6.1) or are no longer true when Node has decoded the body. */
const CONNECTION_HEADERS = /^(connection|keep-alive|proxy-connection|transfer-encoding|upgrade)$/i;

/** An authorized upgrade request. */
export type AdmittedUpgrade = {
  readonly request: IncomingMessage;
  readonly client: Socket;
  /** What the client sent after the head. */
  readonly head: Buffer;
  readonly facts: RequestFacts;
  readonly identity: Identity;
  /** Sent to the upstream in place of the client's own. */
  readonly headers: Readonly<Record<string, string>>;
  readonly upstream: Upstream;
  /** When it is over, in milliseconds since 1970; unless the session that opened it ends earlier or later. */
  readonly endsAt: number | undefined;
};

/**
 * Forwards an upgrade and then copies both ways. Until the upstream has accepted the upgrade, only the client's headers
 * are passed on: after a refusal the connection is closed, because anything else on it would be unchecked.
 *
 * @param onClose Called once, when the socket is gone.
 */
export function forwardUpgrade(
  upgrade: AdmittedUpgrade,
  sockets: OpenSockets,
  onClose: (reason: CloseReason) => void,
): void {
  const { client } = upgrade;
  let reason: CloseReason = "Closed";
  let upstreamSocket: Socket | undefined;
  const outgoing = upstreamRequest(upgrade);
  const cut = (why: CloseReason): void => {
    if (reason === "Closed") reason = why;
    outgoing.destroy();
    upstreamSocket?.destroy();
    client.destroy();
  };
  const remove = sockets.add({
    identity: upgrade.identity,
    credentials: upgrade.facts.credentials,
    endsAt: upgrade.endsAt,
    cut,
    bytes: () => ({ received: client.bytesRead, sent: client.bytesWritten }),
  });
  client.once("close", () => {
    remove();
    outgoing.destroy();
    upstreamSocket?.destroy();
    onClose(reason);
  });
  outgoing.on("upgrade", (response: IncomingMessage, socket: Socket, upstreamHead: Buffer) => {
    upstreamSocket = socket;
    client.write(responseHead(response, ["Connection: Upgrade", "Upgrade: websocket"]), "latin1");
    join(client, socket, upgrade.head, upstreamHead);
  });
  let hasBegun = false;
  outgoing.on("response", (response) => {
    hasBegun = true;
    relayRefusal(client, response);
  });
  outgoing.on("error", () => {
    if (hasBegun) client.destroy();
    else refuseUpgrade(client, 502, { error: "UpstreamUnavailable" });
  });
  outgoing.end();
}

/** Answers an upgrade request with JSON and closes the connection. */
export function refuseUpgrade(client: Socket, status: number, body: Readonly<Record<string, string>>): void {
  if (client.destroyed || client.writableEnded) return;
  const text = JSON.stringify(body);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
    "Content-Type: application/json",
    "Cache-Control: no-store",
    `Content-Length: ${Buffer.byteLength(text)}`,
    "Connection: close",
  ];
  client.end(`${head.join("\r\n")}\r\n\r\n${text}`);
  linger(client);
}

/** Discards what a refused client still sends, so that its end is noticed, and does not wait for ever. */
function linger(client: Socket): void {
  client.on("error", () => client.destroy());
  client.setTimeout(HALF_CLOSED_TIMEOUT_MS, () => client.destroy());
  client.resume();
}

function upstreamRequest({ request: incoming, facts, headers, upstream }: AdmittedUpgrade): ClientRequest {
  const { host, port } = upstream;
  const outgoing = request({
    method: "GET",
    path: facts.target,
    headers: headersFor(incoming, headers),
    createConnection: () => connect({ host, port, allowHalfOpen: true, noDelay: true }),
  });
  outgoing.setTimeout(HANDSHAKE_TIMEOUT_MS, () => outgoing.destroy(new Error("the upstream does not respond")));
  return outgoing;
}

/** The client's headers in their order, without what is ours. */
function headersFor({ rawHeaders, headers }: IncomingMessage, own: AdmittedUpgrade["headers"]): string[] {
  const replaced = [...(headers.connection ?? "").split(","), ...Object.keys(own)];
  const names = new Set(replaced.map((name) => name.trim().toLowerCase()));
  const kept = headerPairs(rawHeaders).filter(
    ([name]) => !DROPPED_HEADERS.test(name) && !names.has(name.toLowerCase()),
  );
  return [...kept, ...Object.entries(own), ["Connection", "Upgrade"], ["Upgrade", "websocket"]].flat();
}

function join(client: Socket, upstream: Socket, clientHead: Buffer, upstreamHead: Buffer): void {
  for (const socket of [client, upstream]) {
    socket.setTimeout(0);
    socket.setNoDelay(true);
    socket.on("error", () => socket.destroy());
  }
  upstream.once("close", () => {
    if (!upstream.readableEnded) client.destroy(); // else the pipe ends the client once everything is written
  });
  client.once("end", () => upstream.setTimeout(HALF_CLOSED_TIMEOUT_MS, () => upstream.destroy()));
  upstream.once("end", () => client.setTimeout(HALF_CLOSED_TIMEOUT_MS, () => client.destroy()));
  if (upstreamHead.length > 0) client.write(upstreamHead);
  if (clientHead.length > 0) upstream.write(clientHead);
  client.pipe(upstream);
  upstream.pipe(client);
}

function relayRefusal(client: Socket, response: IncomingMessage): void {
  client.write(responseHead(response, ["Connection: close"]), "latin1");
  response.on("error", () => client.destroy());
  response.pipe(client);
  linger(client);
}

function responseHead(response: IncomingMessage, ownLines: readonly string[]): string {
  const status = response.statusCode ?? 502;
  const kept = headerPairs(response.rawHeaders)
    .filter(([name]) => !CONNECTION_HEADERS.test(name))
    .map(([name, value]) => `${name}: ${value}`);
  return `${[`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`, ...kept, ...ownLines].join("\r\n")}\r\n\r\n`;
}

function headerPairs(raw: readonly string[]): readonly (readonly [string, string])[] {
  return Array.from(
    { length: raw.length / 2 },
    (_, index) => [raw[2 * index] ?? "", raw[2 * index + 1] ?? ""] as const,
  );
}
