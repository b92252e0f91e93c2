import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  createServer,
  request,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import aws4 from "aws4";
import { binaryPath, buildExtra } from "@amalthea/cluster";

export const BUCKET = "audit";
export const KEY = { accessKeyId: "AKIDTEST", secretAccessKey: "a secret/that+is=long" };

/** What stands between the controller and its object store. */
export type Fault = "None" | "Error" | "Page" | "Silence" | "Slow";

/** A certificate and its key, as PEM. */
export type ServerCertificate = { readonly cert: string; readonly key: string };

/** A real object store with one bucket, which refuses what is not signed with its key, behind a network that may fail. */
export class ObjectStore implements AsyncDisposable {
  readonly #address: string;
  readonly #end: () => Promise<void>;
  readonly #front: Server;
  readonly #scheme: "http" | "https";
  fault: Fault = "None";
  /** Requests that have arrived. */
  requests = 0;

  /** @param certificate By which it is reached with TLS; default: without. */
  static async start(certificate?: ServerCertificate): Promise<ObjectStore> {
    await buildExtra("s3");
    const args = [BUCKET, KEY.accessKeyId, KEY.secretAccessKey];
    const child = spawn(binaryPath("s3"), args, { stdio: ["pipe", "pipe", "inherit"] });
    const [address] = (await once(createInterface(child.stdout), "line")) as [string];
    const end = async (): Promise<void> => {
      child.stdin.end();
      await once(child, "exit");
    };
    const store = new ObjectStore(address, certificate, end);
    store.#front.listen(0, "127.0.0.1");
    await once(store.#front, "listening");
    return store;
  }

  private constructor(address: string, certificate: ServerCertificate | undefined, end: () => Promise<void>) {
    const forward: RequestListener = (incoming, outgoing) => void this.#forward(incoming, outgoing);
    this.#scheme = certificate === undefined ? "http" : "https";
    this.#front = certificate === undefined ? createServer(forward) : createTlsServer(certificate, forward);
    this.#address = address;
    this.#end = end;
  }

  get endpoint(): string {
    return `${this.#scheme}://127.0.0.1:${(this.#front.address() as AddressInfo).port}`;
  }

  /** Keys of all objects. */
  async keys(): Promise<readonly string[]> {
    return [...(await this.#get("")).matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key = ""]) => key);
  }

  async content(key: string): Promise<string> {
    return await this.#get(`/${key.split("/").map(encodeURIComponent).join("/")}`);
  }

  /** Ends every request that is under way. */
  cut(): void {
    this.#front.closeAllConnections();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#front.close();
    this.cut();
    await this.#end();
  }

  async #get(path: string): Promise<string> {
    const { host } = new URL(this.#address);
    const whole = `/${BUCKET}${path}`;
    const { headers } = aws4.sign({ service: "s3", method: "GET", host, path: whole }, KEY);
    const answer = await fetch(`${this.#address}${whole}`, { headers: headers as Record<string, string> });
    if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
    return await answer.text();
  }

  async #forward(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    this.requests += 1;
    outgoing.on("error", () => undefined);
    if (this.fault === "Silence") return;
    if (this.fault === "Error") return void outgoing.writeHead(500).end("<Error><Code>InternalError</Code></Error>");
    if (this.fault === "Page") return void outgoing.writeHead(200).end("<html>Sign in to the network</html>");
    const { method, headers, url } = incoming;
    const onward = request(`${this.#address}${url}`, { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on("error", () => outgoing.destroy());
    for await (const chunk of incoming as AsyncIterable<Buffer>) {
      if (this.fault === "Slow") await sleep(5);
      onward.write(chunk);
    }
    onward.end();
  }
}
