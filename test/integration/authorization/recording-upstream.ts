import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** What arrived in place of Jupyter. */
type Arrival = {
  readonly method: string;
  readonly url: string;
  /** Lower-case names; as Node joins them. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
};

/** Stands where Jupyter listens, keeps what arrives, and answers 200; an upgraded socket gives back what it gets. */
export type RecordingUpstream = {
  readonly port: number;
  readonly arrivals: readonly Arrival[];
  readonly openSockets: () => number;
  readonly forget: () => void;
  readonly close: () => Promise<void>;
};

/** Headers by which an answer concerns other servers of its host or domain. */
export const ABOUT_OTHERS: Readonly<Record<string, string>> = {
  "Service-Worker-Allowed": "/",
  "Clear-Site-Data": '"*"',
  NEL: '{"report_to":"all","max_age":31536000,"include_subdomains":true}',
  "Report-To": '{"group":"all","max_age":31536000,"endpoints":[{"url":"https://evil.example.org"}]}',
};

export async function startRecordingUpstream(port = 0): Promise<RecordingUpstream> {
  const arrivals: Arrival[] = [];
  const sockets = new Set<Socket>();
  const record = ({ method = "", url = "", headers }: IncomingMessage): void =>
    void arrivals.push({ method, url, headers });
  const server = createServer((request, response) => {
    record(request);
    request.resume();
    const status = Number(/[?&]status=(\d{3})/.exec(request.url ?? "")?.[1] ?? 200);
    const headers = { "Content-Type": "text/plain", ...ABOUT_OTHERS };
    response.writeHead(status, headers).end(`upstream ${status}`);
  });
  server.on("upgrade", (request, socket: Socket, head: Buffer) => {
    record(request);
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    if (request.url?.includes("refuse="))
      return void socket.end("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno");
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    socket.write(head);
    socket.pipe(socket);
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const close = async (): Promise<void> => {
    sockets.forEach((socket) => socket.destroy());
    server.closeAllConnections();
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  };
  return {
    port: (server.address() as AddressInfo).port, // it listens on TCP
    arrivals,
    openSockets: () => sockets.size,
    forget: () => void arrivals.splice(0),
    close,
  };
}
