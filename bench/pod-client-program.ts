import { randomBytes } from "node:crypto";
import { Agent, get, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { finished } from "node:stream/promises";
import type { Answer, Target, Task } from "./pod-client.ts";

/** Runs in the network of a pod: measures what `PodClient` asks for, one task at a time, and answers with the times. */
process.on("message", (task: Task) => {
  const times = task.kind === "Requests" ? request(task) : ping(task);
  times.then(answer, (error: unknown) => answer({ error: String(error) }));
});
process.once("disconnect", () => process.exit());

function answer(value: Answer): void {
  process.send?.(value);
}

/** Each of the connections sends its share of the rounds: in each round one request to every target, one by one. */
async function request({ targets, rounds, connections }: Task & { kind: "Requests" }): Promise<Answer> {
  const times: number[][] = targets.map(() => []);
  let left = rounds;
  const sendAll = async (): Promise<void> => {
    const agents = targets.map(() => new Agent({ keepAlive: true, maxSockets: 1 }));
    while (left-- > 0) {
      for (const [index, target] of targets.entries()) times[index]?.push(await timed(target, agents[index]));
    }
    for (const agent of agents) agent.destroy();
  };
  await Promise.all(Array.from({ length: connections }, sendAll));
  return { times };
}

async function timed({ url, headers }: Target, agent: Agent | undefined): Promise<number> {
  const start = performance.now();
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  get(url, { agent, headers, timeout: 30_000 }, resolve).on("error", reject);
  const response = await promise;
  response.resume();
  await finished(response);
  if (response.statusCode !== 200) throw new Error(`${url} answers ${response.statusCode}`);
  return performance.now() - start;
}

/** In each round one ping over every WebSocket, one by one. The proxies pass it on, and whoever ends it answers. */
async function ping({ targets, rounds }: Task & { kind: "Pings" }): Promise<Answer> {
  const sockets = await Promise.all(targets.map(upgraded));
  const times: number[][] = targets.map(() => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, socket] of sockets.entries()) times[index]?.push(await roundTrip(socket));
  }
  for (const socket of sockets) socket.destroy();
  return { times };
}

const HANDSHAKE = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13" } as const;

async function upgraded({ url, headers }: Target): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const key = randomBytes(16).toString("base64");
  get(url, { headers: { ...headers, ...HANDSHAKE, "sec-websocket-key": key }, timeout: 30_000 })
    .on("upgrade", (_response, socket: Socket) => resolve(socket))
    .on("response", ({ statusCode }) => reject(new Error(`${url} answers ${statusCode} to a WebSocket`)))
    .on("error", reject);
  return await promise;
}

const PAYLOAD_BYTES = 8;

/** @see https://www.rfc-editor.org/rfc/rfc6455#section-5.2 frames: a client's are masked, here by zeros */
async function roundTrip(socket: Socket): Promise<number> {
  const payload = randomBytes(PAYLOAD_BYTES);
  const [pingFrame, pongFrame] = [Buffer.of(0x89, 0x80 + PAYLOAD_BYTES, 0, 0, 0, 0), Buffer.of(0x8a, PAYLOAD_BYTES)];
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let received = Buffer.alloc(0); // the kernel's own messages may come between
  const start = performance.now();
  const onData = (chunk: Buffer): void => {
    received = Buffer.concat([received, chunk]);
    if (received.includes(Buffer.concat([pongFrame, payload]))) resolve(performance.now() - start);
  };
  const onClose = (): void => reject(new Error("a WebSocket was closed"));
  socket.on("data", onData).once("close", onClose);
  socket.write(Buffer.concat([pingFrame, payload]));
  try {
    return await promise;
  } finally {
    socket.off("data", onData).off("close", onClose);
  }
}
