import { createHash } from "node:crypto";
import { CONTAINERS, type JupyterServer } from "@amalthea/api";
import { type Clock, keyOf, kinds, type KubeClient, type Logger } from "@amalthea/kube";
import type { Pod } from "kubernetes-types/core/v1.js";
import { withReadableStatus } from "../decide/effective-server.ts";
import { valueAt } from "../decide/values/json.ts";

export type TokenCheckOptions = {
  readonly client: Pick<KubeClient, "find">;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly logger: Pick<Logger, "warn">;
  /** Between two reads of the Secret of a container that runs. */
  readonly everySeconds: number;
};

/** A container that runs with the token of a Secret that its user named. */
type Use = { readonly secret: string; readonly key: string; readonly startedAt: string; readonly id: string };

type Known = {
  readonly use: string;
  readonly lookedAtMs: number;
  /** Of the token at the first look; undefined while it is not known. */
  readonly startedWith: string | undefined;
  readonly isChanged: boolean;
};

/**
 * Whether the token in the Secret named by `spec.auth.tokenSecretRef` is still the one that Jupyter was started with, which
 * reads it at its start only. Secrets are not watched: the Secret is read when the container starts and at intervals. Only
 * hashes are kept, salted with the server's uid. What a container that was there before this process started with is not
 * known, unless the status says it.
 */
export class TokenCheck {
  readonly #options: TokenCheckOptions;
  readonly #known = new Map<string, Known>();

  constructor(options: TokenCheckOptions) {
    this.#options = options;
  }

  /** Reads the Secret if it is time to. What goes wrong is logged, and tried again when it is time again. */
  async look(server: JupyterServer, pod: Pod | undefined, signal: AbortSignal): Promise<void> {
    const use = useOf(server, pod);
    if (use === undefined || this.#dueInMs(server, use) > 0) return;
    this.#remember(server, use, await this.#read(server, use, signal));
  }

  isChanged(server: JupyterServer, pod: Pod | undefined): boolean {
    const use = useOf(server, pod);
    return use !== undefined && this.#of(server, use)?.isChanged === true;
  }

  /** Milliseconds until the Secret is to be read again; undefined if it is not. */
  nextLookMs(server: JupyterServer, pod: Pod | undefined): number | undefined {
    const use = useOf(server, pod);
    return use === undefined ? undefined : this.#dueInMs(server, use);
  }

  forget(serverUid: string): void {
    this.#known.delete(serverUid);
  }

  #dueInMs(server: JupyterServer, use: Use): number {
    const { clock, everySeconds } = this.#options;
    const known = this.#of(server, use);
    return known === undefined ? 0 : Math.max(0, known.lookedAtMs + everySeconds * 1000 - clock.monotonicMs());
  }

  /** @returns The token's hash; undefined if there is none to be read. */
  async #read(server: JupyterServer, { secret: name, key }: Use, signal: AbortSignal): Promise<string | undefined> {
    const { client, logger } = this.#options;
    const { namespace, uid } = server.metadata;
    try {
      const token = (await client.find(kinds.Secret, { namespace, name }, signal))?.data?.[key];
      return token === undefined ? undefined : createHash("sha256").update(`${uid} ${token}`).digest("base64");
    } catch (err) {
      logger.warn({ key: keyOf(server), err }, "cannot read the Secret with the token of a server");
      return undefined;
    }
  }

  #remember(server: JupyterServer, use: Use, token: string | undefined): void {
    const isFirstLook = !this.#known.has(server.metadata.uid);
    const before = this.#of(server, use) ?? { startedWith: undefined, isChanged: isFirstLook && saysSo(server, use) };
    const startedWith = before.startedWith ?? (before.isChanged ? undefined : token);
    const isComparable = token !== undefined && startedWith !== undefined;
    const isChanged = isComparable ? token !== startedWith : before.isChanged;
    const lookedAtMs = this.#options.clock.monotonicMs();
    this.#known.set(server.metadata.uid, { use: use.id, lookedAtMs, startedWith, isChanged });
  }

  #of({ metadata }: JupyterServer, use: Use): Known | undefined {
    const known = this.#known.get(metadata.uid);
    return known?.use === use.id ? known : undefined;
  }
}

/** Behind a login Jupyter asks for no token. */
function useOf({ spec }: JupyterServer, pod: Pod | undefined): Use | undefined {
  const secret = valueAt(spec, "auth", "tokenSecretRef", "name");
  const key = valueAt(spec, "auth", "tokenSecretRef", "key");
  const startedAt = startOf(pod);
  if (startedAt === undefined || typeof secret !== "string" || typeof key !== "string") return undefined;
  if (valueAt(spec, "auth", "oidc", "enabled") === true) return undefined;
  return { secret, key, startedAt, id: [pod?.metadata?.uid, startedAt, secret, key].join(" ") };
}

function startOf(pod: Pod | undefined): string | undefined {
  if (pod?.metadata?.deletionTimestamp !== undefined) return undefined;
  return pod?.status?.containerStatuses?.find(({ name }) => name === CONTAINERS.jupyter)?.state?.running?.startedAt;
}

/** Whether the status has said of this container that its token changed: another process of ours has seen it. */
function saysSo(server: JupyterServer, { startedAt }: Use): boolean {
  const { conditions = [] } = withReadableStatus(server).status ?? {};
  return conditions.some(
    ({ type, reason, lastTransitionTime }) =>
      type === "UpdatePending" && reason === "TokenChanged" && Date.parse(lastTransitionTime) > Date.parse(startedAt),
  );
}
