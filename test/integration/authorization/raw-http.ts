import { connect, type Socket } from "node:net";

/** An answer as it came over the wire; header names in lower case, the last value wins but for Set-Cookie. */
export type RawAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly setCookies: readonly string[];
  readonly body: string;
};

/** Enough for every answer; requests that rightly get none take this long. */
const TIMEOUT_MS = 2_000;

/**
 * Sends bytes as they are, which no HTTP client would, and reads until the other side closes.
 *
 * @returns Status 0 when it closes without an answer, or gives none in time.
 */
export async function sendRaw(port: number, request: string): Promise<RawAnswer> {
  return parseAnswer(await exchange(port, request, () => false, TIMEOUT_MS));
}

/** As `sendRaw`, but waits for the head only: what follows a 101 never ends. @param timeoutMs Default 2 s. */
export async function sendUntilHead(port: number, request: string, timeoutMs: number = TIMEOUT_MS): Promise<RawAnswer> {
  return parseAnswer(await exchange(port, request, (text) => text.includes("\r\n\r\n"), timeoutMs));
}

/** As `sendRaw`, but does not wait for the end of a connection that stays open after a whole answer. */
export async function sendUntilAnswered(port: number, request: string): Promise<RawAnswer> {
  return parseAnswer(await exchange(port, request, isWhole, TIMEOUT_MS));
}

/** A request with the headers in the given order; `Connection: close` is added unless one is there. */
export function requestText(line: string, headers: readonly string[], body = ""): string {
  const closing = headers.some((header) => /^connection:/i.test(header)) ? [] : ["Connection: close"];
  return `${[line, ...headers, ...closing].join("\r\n")}\r\n\r\n${body}`;
}

/** The headers of a WebSocket handshake. */
export const HANDSHAKE: readonly string[] = [
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

function isWhole(text: string): boolean {
  const [head = "", ...rest] = text.split("\r\n\r\n");
  const length = /^content-length: *(\d+)/im.exec(head)?.[1];
  return rest.length > 0 && length !== undefined && rest.join("\r\n\r\n").length >= Number(length);
}

async function exchange(
  port: number,
  request: string,
  isEnough: (text: string) => boolean,
  timeoutMs: number,
): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket: Socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  const chunks: Buffer[] = [];
  const text = (): string => Buffer.concat(chunks).toString("latin1");
  const finish = (): void => {
    socket.destroy();
    resolve(text());
  };
  socket.setTimeout(timeoutMs, finish);
  socket.on("data", (chunk) => {
    chunks.push(chunk);
    if (isEnough(text())) finish();
  });
  socket.on("end", finish);
  socket.on("error", finish);
  socket.write(request, "latin1");
  return promise;
}

function parseAnswer(text: string): RawAnswer {
  const [head = "", ...rest] = text.split("\r\n\r\n");
  const [statusLine = "", ...lines] = head.split("\r\n");
  const pairs = lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  return {
    status: Number(/^HTTP\/1\.[01] (\d{3})/.exec(statusLine)?.[1] ?? 0),
    headers: Object.fromEntries(pairs),
    setCookies: pairs.filter(([name]) => name === "set-cookie").map(([, value]) => value),
    body: rest.join("\r\n\r\n"),
  };
}
