import { isIP } from "node:net";
import { type Clock, type KubeClient, withDeadline } from "@amalthea/kube";
import { type VolumeStats, workspacesIn } from "../decide/live/usage.ts";
import type { KubeletToken } from "./kubelet-token.ts";

/** For everything that is read from one node. */
const TIMEOUT_MS = 10_000;

/** Nodes that are read concurrently: those that do not respond leave turns to the others. */
const AT_A_TIME = 16;

export type KubeletsOptions = {
  readonly token: Pick<KubeletToken, "read">;
  /** A client that verifies the certificate of the server, and sends it the token only then. */
  readonly connect: (server: string, token: string) => Pick<KubeClient, "getText" | "close">;
  readonly port: number;
  readonly clock: Clock;
};

/** Uids of pods by the address of their node. */
export type PodsByNode = ReadonlyMap<string, ReadonlySet<string>>;

/** What is read of some nodes. */
export type KubeletsRead = {
  /** By the uid of their pods. */
  readonly workspaces: ReadonlyMap<string, VolumeStats>;
  /** By what was read: the error if it could not be. */
  readonly errors: ReadonlyMap<string, unknown>;
};

/** Reads the kubelets' summaries, which hold what each volume of a pod uses. */
export class Kubelets {
  readonly #options: KubeletsOptions;

  constructor(options: KubeletsOptions) {
    this.#options = options;
  }

  /**
   * Queries the kubelet at each address once; one that does not respond blocks one of sixteen slots for ten seconds. What
   * it says about pods that are not on its node is ignored.
   */
  async read(pods: PodsByNode, signal: AbortSignal): Promise<KubeletsRead> {
    const { port } = this.#options;
    const nodes = [...pods].map(([address, uids]) => ({ server: serverAt(address, port), uids }));
    const read = { workspaces: new Map<string, VolumeStats>(), errors: new Map<string, unknown>() };
    if (nodes.length === 0) return read;
    try {
      const token = await this.#options.token.read(signal);
      await Promise.all(Array.from({ length: AT_A_TIME }, () => this.#work(nodes, token, read, signal)));
    } catch (error) {
      signal.throwIfAborted();
      read.errors.set("a token for the kubelets", error);
    }
    return read;
  }

  /** Reads nodes as long as there are some that nobody has taken. */
  async #work(
    nodes: Node[],
    token: string,
    { workspaces, errors }: { workspaces: Map<string, VolumeStats>; errors: Map<string, unknown> },
    signal: AbortSignal,
  ): Promise<void> {
    for (let node = nodes.shift(); node !== undefined; node = nodes.shift()) {
      const { server, uids } = node;
      try {
        const told = await this.#readOne(server, token, signal);
        for (const [uid, stats] of told) if (uids.has(uid)) workspaces.set(uid, stats);
        errors.set(server, undefined);
      } catch (error) {
        signal.throwIfAborted();
        errors.set(server, error);
      }
    }
  }

  async #readOne(server: string, token: string, signal: AbortSignal): Promise<ReadonlyMap<string, VolumeStats>> {
    const client = this.#options.connect(server, token);
    try {
      const read = async (deadline: AbortSignal): Promise<string> => await client.getText("/stats/summary", deadline);
      return workspacesIn(JSON.parse(await withDeadline(this.#options.clock, TIMEOUT_MS, signal, read)));
    } finally {
      await client.close();
    }
  }
}

type Node = { readonly server: string; readonly uids: ReadonlySet<string> };

function serverAt(address: string, port: number): string {
  return `https://${isIP(address) === 6 ? `[${address}]` : address}:${port}`;
}
