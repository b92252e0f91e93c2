import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A path to a TCP server that can be broken on purpose. It does not look into what it carries. */
export class TcpProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #frozen = false;
  #refusing = false;
  #connections = 0;

  private constructor(targetPort: number) {
    this.#server = createServer((client) => this.#accept(client, targetPort));
  }

  static async start(target: string): Promise<TcpProxy> {
    const proxy = new TcpProxy(Number(new URL(target).port));
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections made so far. */
  get connections(): number {
    return this.#connections;
  }

  /** Ends every connection in good order. */
  cut(): void {
    for (const [client, server] of this.#pairs) {
      client.end();
      server.destroy();
    }
  }

  /** Ends every connection as a crash does. */
  reset(): void {
    for (const [client, server] of this.#pairs) {
      client.resetAndDestroy();
      server.destroy();
    }
  }

  /** Nothing passes any more, in neither direction, and nothing is closed either. */
  freeze(): void {
    this.#frozen = true;
    for (const pair of this.#pairs) for (const socket of pair) socket.pause();
  }

  heal(): void {
    this.#frozen = false;
    this.#refusing = false;
    for (const pair of this.#pairs) for (const socket of pair) socket.resume();
  }

  /** Resets every connection, and new ones at once. */
  refuse(): void {
    this.#refusing = true;
    this.reset();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.reset();
    this.#server.close();
    await once(this.#server, "close");
  }

  #accept(client: Socket, targetPort: number): void {
    this.#connections++;
    if (this.#refusing) return void client.resetAndDestroy();
    const server = connect(targetPort, "127.0.0.1");
    const pair = [client, server] as const;
    this.#pairs.add(pair);
    this.#carry(client, server);
    this.#carry(server, client);
    const end = (): void => {
      this.#pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    for (const socket of pair) socket.on("close", end).on("error", end);
    if (this.#frozen) for (const socket of pair) socket.pause();
  }

  #carry(from: Socket, to: Socket): void {
    from.on("data", (chunk) => void to.write(chunk));
    from.on("end", () => void (this.#frozen ? undefined : to.end()));
  }
}
