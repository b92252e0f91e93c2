import { createServer } from "node:net";

/** Whether nobody listens on this port of this address. */
export async function isPortFree(port: number, address = "127.0.0.1"): Promise<boolean> {
  return (await listenOnce(port, address)) !== undefined;
}

/** A port of 127.0.0.1 that nobody listens on just now; the kernel gives it to nobody else for a while. */
export async function freePort(): Promise<number> {
  const port = await listenOnce(0, "127.0.0.1");
  if (port === undefined) throw new Error("127.0.0.1 has no free port.");
  return port;
}

async function listenOnce(port: number, address: string): Promise<number | undefined> {
  return await new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen({ port, host: address, exclusive: true }, () => {
      const bound = server.address();
      server.close(() => resolve(typeof bound === "object" && bound !== null ? bound.port : undefined));
    });
  });
}
