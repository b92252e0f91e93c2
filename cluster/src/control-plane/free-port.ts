import { createSocket } from "node:dgram";
import { createServer } from "node:net";

/** Whether nobody listens on this port of this address. */
export async function isPortFree(port: number, address = "127.0.0.1"): Promise<boolean> {
  return await new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: address, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/**
 * Below the ports from which Linux takes one for each outgoing connection (32768 to 60999): between our look and the start
 * of the program that listens, any client on the machine may be given one of those. Below the node ports of Kubernetes, too.
 */
const PORTS = { first: 20_000, count: 10_000 } as const;

/**
 * Whether no process on this machine was given this port before, whether or not something listens on it yet: a process holds
 * the UDP port of the same number, which none of these programs uses, until it ends.
 */
async function reserve(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = createSocket("udp4").unref();
    socket.once("error", () => resolve(false));
    socket.bind({ port, address: "127.0.0.1", exclusive: true }, () => resolve(true));
  });
}

/** A port of 127.0.0.1 that nobody listens on, and that no process has been given by this function. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 1_000; attempt++) {
    const port = PORTS.first + Math.floor(Math.random() * PORTS.count);
    if ((await reserve(port)) && (await isPortFree(port))) return port;
  }
  throw new Error(`127.0.0.1 has no free port between ${PORTS.first} and ${PORTS.first + PORTS.count - 1}.`);
}
