import type { JupyterServer } from "@amalthea/api";
import { type KubeClient, type ObjectKey, withoutBookkeeping } from "@amalthea/kube";
import { SERVER_KIND } from "../kinds.ts";
import { asServer, type Caches } from "./caches.ts";

/** Reads servers with all that is in them, for one reconcile: from the cache, or those that are too large for it by name. */
export class WholeServer {
  readonly #caches: Pick<Caches, "server" | "isWhole" | "recordWrite">;
  readonly #client: Pick<KubeClient, "find">;
  #last: JupyterServer | undefined;

  constructor(caches: Pick<Caches, "server" | "isWhole" | "recordWrite">, client: Pick<KubeClient, "find">) {
    this.#caches = caches;
    this.#client = client;
  }

  /** @returns undefined if there is no such server. @throws ApiError */
  async read(key: ObjectKey, signal: AbortSignal): Promise<JupyterServer | undefined> {
    const kept = this.#caches.server(key);
    if (kept === undefined || this.#caches.isWhole(kept)) return kept;
    if (this.#last?.metadata.resourceVersion === kept.metadata.resourceVersion) return this.#last;
    const found = await this.#client.find(SERVER_KIND, kept.metadata, signal);
    if (found === undefined) return undefined;
    this.#caches.recordWrite(SERVER_KIND, found); // it may be newer than what the watch has told
    this.#last = asServer(withoutBookkeeping(found));
    return this.#last;
  }
}
