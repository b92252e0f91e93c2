import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { Chain } from "./chain.ts";
import { HANDSHAKE, requestText } from "./raw-http.ts";

/** A WebSocket connection on which nobody looks at frames: what is written comes back from the upstream. */
export type Tunnel = {
  readonly status: number;
  readonly socket: Socket;
  /** Writes bytes and waits until as many have come back. */
  readonly echo: (data: Buffer) => Promise<Buffer>;
  readonly isOpen: () => boolean;
};

/** Opens a WebSocket through the chain. */
export function openTunnel(chain: Chain, cookie: string, path: string): Promise<Tunnel> {
  return openTunnelWith(chain, [`Origin: ${chain.origin}`, `Cookie: ${cookie}`], path);
}

/** The same with headers of the caller's. */
export async function openTunnelWith(chain: Chain, own: readonly string[], path: string): Promise<Tunnel> {
  const socket = connect({ host: "127.0.0.1", port: chain.ports.traefik });
  socket.on("error", () => socket.destroy());
  const headers = [`Host: ${chain.host}`, ...HANDSHAKE, ...own];
  socket.write(requestText(`GET ${path} HTTP/1.1`, headers));
  const [first] = (await once(socket, "data")) as [Buffer];
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(first.toString("latin1"))?.[1] ?? 0);
  let isOpen = true;
  socket.on("close", () => (isOpen = false));
  socket.on("end", () => (isOpen = false));
  socket.resume();
  return { status, socket, echo: (data) => echo(socket, data), isOpen: () => isOpen };
}

async function echo(socket: Socket, data: Buffer): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let length = 0;
  const collect = (chunk: Buffer): void => {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= data.length) resolve(Buffer.concat(chunks));
  };
  const closed = (): void => reject(new Error(`closed after ${length} of ${data.length} bytes`));
  socket.on("data", collect).once("close", closed);
  socket.write(data);
  try {
    return await promise;
  } finally {
    socket.off("data", collect).off("close", closed);
  }
}
