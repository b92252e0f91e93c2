import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** Where requests go. */
export type Target = { readonly url: string; readonly headers: Readonly<Record<string, string>> };

/** What the program in the pod's network is asked for. */
export type Task =
  | {
      readonly kind: "Requests";
      readonly targets: readonly Target[];
      readonly rounds: number;
      readonly connections: number;
    }
  | { readonly kind: "Pings"; readonly targets: readonly Target[]; readonly rounds: number };

/** Milliseconds by target, in its order; or what went wrong. */
export type Answer = { readonly times: readonly (readonly number[])[] } | { readonly error: string };

const PROGRAM = fileURLToPath(new URL("pod-client-program.ts", import.meta.url));

/**
 * A client beside the containers of a pod: it reaches what listens on the pod's loopback only, and nothing between the
 * client and the pod is measured.
 */
export class PodClient {
  readonly #child: ChildProcess;

  /** @param pid of any process of the pod, on this machine */
  constructor(pid: number) {
    this.#child = fork(PROGRAM, {
      execPath: "nsenter",
      execArgv: [`--net=/proc/${pid}/ns/net`, process.execPath],
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
  }

  /** Times of the answers, by target. @throws Error for an answer other than 200, or a WebSocket that ends. */
  async run(task: Task, signal: AbortSignal): Promise<readonly (readonly number[])[]> {
    const over = new AbortController();
    const options = { signal: AbortSignal.any([signal, over.signal]) };
    const answered = once(this.#child, "message", options) as Promise<[Answer]>; // of our program
    const ended = once(this.#child, "exit", options).then((): never => {
      throw new Error("the client in the pod's network has ended");
    });
    this.#child.send(task);
    const [answer] = await Promise.race([answered, ended]);
    over.abort();
    if ("error" in answer) throw new Error(answer.error);
    return answer.times;
  }

  stop(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}
