import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startChain, type Chain } from "./chain.ts";
import { eventually } from "./program.ts";

const accounts = { alice: { email: "alice@example.org", email_verified: true } };

/** How many connections the pod bears without a session. */
const CONNECTIONS = 5_000;

type Load = {
  readonly what: string;
  readonly connections: number;
  readonly text: (chain: Chain, index: number) => string;
};

const head = (chain: Chain): string => `GET /api HTTP/1.1\r\nHost: ${chain.host}\r\n`;

const LOADS: readonly Load[] = [
  {
    what: "that send 31 kB of a header without its end",
    connections: CONNECTIONS,
    text: (chain) => `${head(chain)}X-Long: ${"a".repeat(31_000)}`,
  },
  {
    what: "that send 60 kB of a header without its end",
    connections: CONNECTIONS,
    text: (chain) => `${head(chain)}X-Long: ${"a".repeat(60_000)}`,
  },
  {
    what: "with a made-up session each",
    connections: CONNECTIONS,
    text: (chain, index) => `${head(chain)}Cookie: ${chain.cookieName}=${"a".repeat(200)}|${index}|a\r\n\r\n`,
  },
  {
    what: "with 30 kB of cookies that look like parts of a session",
    connections: 300,
    text: (chain) =>
      `${head(chain)}Cookie: ${Array.from({ length: 8 }, (_, part) => `${chain.cookieName}_${part}=${"a".repeat(3_600)}`).join("; ")}\r\n\r\n`,
  },
];

describe("under load without a session", () => {
  let chain: Chain;
  let cookie = "";
  const sockets: Socket[] = [];
  const ask = async (): Promise<number> => {
    const answer = await fetch(`${chain.origin}/api/contents`, { headers: { cookie } });
    await answer.body?.cancel();
    return answer.status;
  };

  beforeAll(async () => {
    chain = await startChain({ basePath: "/", accounts, criteria: { userId: "alice" } });
    ({ cookie } = await chain.signIn("alice"));
  });
  afterAll(() => chain.close());

  it.each(LOADS)("of $connections connections $what the signed-in user is served, within the memory", async (load) => {
    for (let index = 0; index < load.connections; index += 1) sockets.push(await openConnection(chain, load, index));
    const statuses = new Set<number>();
    for (let request = 0; request < 20; request += 1) statuses.add(await ask());
    expect([...statuses]).toEqual([200]);
    for (const name of ["traefik", "oauth2Proxy", "authorization"] as const) {
      const memory = chain.programs[name].memory();
      expect(memory).toBeLessThan(chain.memoryLimits[name]);
    }
    sockets.splice(0).forEach((socket) => socket.destroy());
    await eventually("new requests are answered", async () => (await ask()) === 200);
  });
});

async function openConnection(chain: Chain, load: Load, index: number): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port: chain.ports.traefik });
  socket.on("error", () => socket.destroy());
  await once(socket, "connect");
  socket.resume();
  socket.write(load.text(chain, index));
  return socket;
}
