import { createHash } from "node:crypto";
import { CONTAINERS, type JupyterServer, type Reason } from "@amalthea/api";
import { type Clock, keyOf, kinds, type KubeClient, type Logger, type ObjectKey, RequestQueue } from "@amalthea/kube";
import type { Pod } from "kubernetes-types/core/v1.js";
import { withReadableStatus } from "../decide/effective-server.ts";
import { containerStatus } from "../decide/live/pod.ts";
import { ownValue, valueAt } from "../decide/values/json.ts";
import { READS } from "./tls-secrets.ts";

export type CredentialCheckOptions = {
  readonly client: Pick<KubeClient, "find">;
  /** The credential of this server changed, or is again what its container started with. */
  readonly onNews: (server: ObjectKey) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Between two reads of the Secret of a container that runs. */
  readonly everySeconds: number;
};

/** A container that runs with a credential of a Secret that its user named. */
type Use = { readonly secret: string; readonly key: string; readonly startedAt: string; readonly id: string };

type Known = {
  readonly use: string;
  /** Monotonic; undefined while the first read has no result. */
  readonly readAtMs: number | undefined;
  /** Of the credential at the first read; undefined while it is not known. */
  readonly startedWith: string | undefined;
  readonly isChanged: boolean;
};

type Read = { readonly server: JupyterServer; readonly use: Use };

/**
 * Whether the token in the Secret named by `spec.auth.tokenSecretRef` is still the one that Jupyter was started with; with
 * a login, whether the client secret is still that of oauth2-proxy. Both programs read it only at their start. Secrets are
 * not watched: the Secret is read when the container starts and at intervals, outside of the reconciles. Only hashes are
 * kept, salted with the server's uid. What a container that was there before this process started with is not known,
 * unless the status says it.
 */
export class CredentialCheck {
  readonly #options: CredentialCheckOptions;
  readonly #known = new Map<string, Known>();
  readonly #reads: RequestQueue<Read, string | undefined>;

  constructor(options: CredentialCheckOptions) {
    const { clock, logger } = options;
    this.#options = options;
    this.#reads = new RequestQueue({
      ...{ name: "credentials", ...READS, clock, logger },
      send: (read, signal) => this.#read(read, signal),
      onAnswer: (read, hash) => this.#remember(read, hash),
      // Retried when it is due again.
      onFailure: (read, err) => {
        logger.warn(
          { key: keyOf(read.server), err },
          "cannot read the Secret with the token or the client secret of a server",
        );
        this.#remember(read, undefined);
      },
    });
  }

  /** Triggers a read of the Secret if it is due, and returns at once. */
  refresh(server: JupyterServer, pod: Pod | undefined): void {
    const use = useOf(server, pod);
    if (use === undefined || this.#dueInMs(server, use) > 0) return;
    this.#known.set(server.metadata.uid, this.#knownOf(server, use));
    this.#reads.add(keyOfRead(server, use), { server, use });
  }

  isChanged(server: JupyterServer, pod: Pod | undefined): boolean {
    const use = useOf(server, pod);
    return use !== undefined && this.#knownOf(server, use).isChanged;
  }

  /** Milliseconds until the Secret is to be read again; undefined if it is not. */
  nextRefreshMs(server: JupyterServer, pod: Pod | undefined): number | undefined {
    const use = useOf(server, pod);
    return use === undefined ? undefined : this.#dueInMs(server, use);
  }

  forget(serverUid: string): void {
    this.#known.delete(serverUid);
  }

  /** Reads until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#reads.run(signal);
  }

  /** A Secret that is being read needs no wake-up. */
  #dueInMs(server: JupyterServer, use: Use): number {
    const { clock, everySeconds } = this.#options;
    if (this.#reads.get(keyOfRead(server, use)) !== undefined) return everySeconds * 1000;
    const { readAtMs } = this.#knownOf(server, use);
    return readAtMs === undefined ? 0 : Math.max(0, readAtMs + everySeconds * 1000 - clock.monotonicMs());
  }

  /** @returns The credential's hash; undefined if there is none to be read. */
  async #read({ server, use }: Read, signal: AbortSignal): Promise<string | undefined> {
    const { namespace, uid } = server.metadata;
    const secret = await this.#options.client.find(kinds.Secret, { namespace, name: use.secret }, signal);
    const value = ownValue(secret?.data ?? {}, use.key);
    return value === undefined ? undefined : createHash("sha256").update(`${uid} ${value}`).digest("base64");
  }

  #remember({ server, use }: Read, hash: string | undefined): void {
    const { clock, onNews } = this.#options;
    const before = this.#known.get(server.metadata.uid);
    if (before?.use !== use.id) return; // the server is gone, or has another container
    const startedWith = before.startedWith ?? (before.isChanged ? undefined : hash);
    const isComparable = hash !== undefined && startedWith !== undefined;
    const isChanged = isComparable ? hash !== startedWith : before.isChanged;
    const readAtMs = clock.monotonicMs();
    this.#known.set(server.metadata.uid, { use: use.id, readAtMs, startedWith, isChanged });
    if (isChanged !== before.isChanged) onNews(keyOf(server));
  }

  /** For a server that this process has not checked yet, the status may know more. */
  #knownOf(server: JupyterServer, use: Use): Known {
    const known = this.#known.get(server.metadata.uid);
    if (known?.use === use.id) return known;
    const isChanged = known === undefined && saysSo(server, use);
    return { use: use.id, readAtMs: undefined, startedWith: undefined, isChanged };
  }
}

/** A container that starts while the Secret is read for the one before it has a read of its own. */
function keyOfRead({ metadata: { namespace } }: JupyterServer, { id }: Use): ObjectKey {
  return keyOf({ namespace, name: id });
}

/** Behind a login Jupyter asks for no token. */
function useOf({ spec }: JupyterServer, pod: Pod | undefined): Use | undefined {
  const isBehindLogin = valueAt(spec, "auth", "oidc", "enabled") === true;
  const ref = isBehindLogin
    ? valueAt(spec, "auth", "oidc", "clientSecret", "secretKeyRef")
    : valueAt(spec, "auth", "tokenSecretRef");
  const secret = valueAt(ref, "name");
  const key = valueAt(ref, "key");
  const startedAt = startOf(pod, isBehindLogin ? CONTAINERS.oauth2Proxy : CONTAINERS.jupyter);
  if (startedAt === undefined || typeof secret !== "string" || typeof key !== "string") return undefined;
  return { secret, key, startedAt, id: [pod?.metadata?.uid, startedAt, secret, key].join(" ") };
}

function startOf(pod: Pod | undefined, container: string): string | undefined {
  if (pod?.metadata?.deletionTimestamp !== undefined) return undefined;
  return containerStatus(pod, container)?.state?.running?.startedAt;
}

const SAYING_SO: readonly string[] = ["TokenChanged", "ClientSecretChanged"] satisfies Reason[];

/** Whether the status has said of this container that its credential changed: another process of ours has seen it. */
function saysSo(server: JupyterServer, { startedAt }: Use): boolean {
  const { conditions = [] } = withReadableStatus(server).status ?? {};
  return conditions.some(
    ({ type, reason, lastTransitionTime }) =>
      type === "UpdatePending" && SAYING_SO.includes(reason) && Date.parse(lastTransitionTime) > Date.parse(startedAt),
  );
}
