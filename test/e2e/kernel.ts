import { randomUUID } from "node:crypto";
import { Agent, WebSocket } from "undici";
import type { TestServer } from "./server.ts";

/** A live kernel of a server, as JupyterLab uses it: made by Jupyter's REST API, spoken to by WebSocket. */
export class Kernel {
  readonly id: string;
  readonly #server: TestServer;
  readonly #token: string;

  private constructor(id: string, server: TestServer, token: string) {
    this.id = id;
    this.#server = server;
    this.#token = token;
  }

  /** @param given Default: the server's own token. */
  static async start(server: TestServer, given?: string): Promise<Kernel> {
    const token = given ?? (await server.token());
    const { status, body } = await server.ask("/api/kernels", token, { method: "POST", body: "{}" });
    if (status !== 201) throw new Error(`no kernel: ${status} ${body}`);
    const { id } = JSON.parse(body) as { id: string };
    return new Kernel(id, server, token);
  }

  /** Ids of the kernels that the server has. */
  async siblings(): Promise<readonly string[]> {
    const { body } = await this.#server.ask("/api/kernels", this.#token);
    return (JSON.parse(body) as readonly { readonly id: string }[]).map(({ id }) => id);
  }

  /** Runs code and returns what it printed. @throws Error when the connection ends first. */
  async run(code: string): Promise<string> {
    const address = `${this.#server.url.replace("http", "ws")}/api/kernels/${this.id}/channels`;
    const headers = { authorization: `token ${this.#token}` };
    const socket = new WebSocket(address, { dispatcher: toThisMachine, headers });
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const request = executeRequest(code);
    let output = "";
    socket.addEventListener("open", () => socket.send(JSON.stringify(request)));
    socket.addEventListener("message", ({ data }) => {
      const { msg_type: type, parent_header: parent, content } = JSON.parse(String(data)) as KernelMessage;
      if (parent.msg_id !== request.header.msg_id) return;
      if (type === "stream") output += content.text ?? "";
      if (type === "error") reject(new Error(`the code failed: ${content.evalue ?? ""}`));
      if (type === "status" && content.execution_state === "idle") resolve(output.trim()); // after all that it printed
    });
    socket.addEventListener("close", () => reject(new Error("the kernel's connection ended")));
    try {
      return await promise;
    } finally {
      socket.close();
    }
  }
}

/** Names under `.localhost` are this machine, as browsers have it; a name server need not know them. */
const toThisMachine: Agent = new Agent({
  connect: { lookup: (_name, _options, found) => found(null, [{ address: "127.0.0.1", family: 4 }]) },
});

type KernelMessage = {
  readonly msg_type: string;
  readonly parent_header: { readonly msg_id?: string };
  readonly content: { readonly text?: string; readonly evalue?: string; readonly execution_state?: string };
};

/** @see https://jupyter-client.readthedocs.io/en/stable/messaging.html#execute */
function executeRequest(code: string): { readonly header: { readonly msg_id: string } } & object {
  const names = { msg_id: randomUUID(), msg_type: "execute_request", username: "", session: randomUUID() };
  const header = { ...names, version: "5.3", date: new Date().toISOString() };
  const content = { code, silent: false, store_history: false, user_expressions: {}, allow_stdin: false };
  return { header, parent_header: {}, metadata: {}, content, channel: "shell" } as { readonly header: typeof header };
}
