import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { PORTS } from "@amalthea/api";

let used = 0;

/** A program at an address of its own on this machine, in the place of a pod that no kubelet starts. */
export class PodStandIn {
  readonly address: string;
  readonly requests: IncomingMessage[] = [];
  readonly #server: Server;

  private constructor(address: string, answer: RequestListener) {
    this.address = address;
    this.#server = createServer((request, response) => {
      this.requests.push(request);
      answer(request, response);
    });
  }

  /**
   * @param answer What it answers at the port of Jupyter.
   * @param address Of this machine. Default: one of its own.
   */
  static async start(answer: RequestListener, address = `127.0.7.${++used}`): Promise<PodStandIn> {
    const pod = new PodStandIn(address, answer);
    pod.#server.listen(PORTS.jupyter, pod.address);
    await once(pod.#server, "listening");
    return pod;
  }

  get paths(): readonly string[] {
    return this.requests.map(({ url }) => url ?? "");
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** Answers as Jupyter does that has one kernel, which was last active then, as the whole server was. */
export function jupyterWithKernel(lastActivity: () => Date, state = "idle"): RequestListener {
  return (request, response) => {
    const last_activity = lastActivity().toISOString();
    const answers = { kernels: [{ execution_state: state, connections: 0, last_activity }], terminals: [] };
    const body = { ...answers, status: { last_activity } }[request.url?.match(/(?<=\/api\/)\w+/)?.[0] ?? ""];
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(body));
  };
}
