import { type Clock, defineKind, type KubeClient, type ObjectRef } from "@amalthea/kube";
import { valueAt } from "../decide/values/json.ts";

const SERVICE_ACCOUNT = defineKind({ apiVersion: "v1", kind: "ServiceAccount", plural: "serviceaccounts" });

/** The shortest life that the API server grants a token. */
const LIFE_SECONDS = 600;

/** A token is replaced after this share of its life, as the kubelet does for pods. */
const USED_SHARE = 0.8;

export type KubeletTokenOptions = {
  readonly client: Pick<KubeClient, "create">;
  /** May read the kubelets' statistics, and nothing else. */
  readonly serviceAccount: ObjectRef;
  readonly clock: Clock;
};

/**
 * A token for kubelets. It is not the controller's own: a compromised node would otherwise gain all of the controller's
 * permissions.
 */
export class KubeletToken {
  readonly #options: KubeletTokenOptions;
  #current: { readonly token: string; readonly untilMs: number } | undefined;

  constructor(options: KubeletTokenOptions) {
    this.#options = options;
  }

  /** @throws what the client throws. */
  async read(signal: AbortSignal): Promise<string> {
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#current !== undefined && nowMs < this.#current.untilMs) return this.#current.token;
    const token = await this.#request(signal);
    this.#current = { token, untilMs: nowMs + LIFE_SECONDS * 1000 * USED_SHARE };
    return token;
  }

  async #request(signal: AbortSignal): Promise<string> {
    const { client, serviceAccount } = this.#options;
    const request = {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      metadata: { ...serviceAccount },
      spec: { expirationSeconds: LIFE_SECONDS },
    };
    const answer = await client.create(SERVICE_ACCOUNT, request, { subresource: "token" }, signal);
    const token = valueAt(answer, "status", "token");
    if (typeof token !== "string") throw new TypeError("the API server returned no token");
    return token;
  }
}
