import { setTimeout as sleep } from "node:timers/promises";
import type { JupyterServer } from "@amalthea/api";
import { type Kind, type KubeClient, kinds, type KubeObject, type Live } from "@amalthea/kube";
import type { Pod } from "kubernetes-types/core/v1.js";
import { SERVER_KIND } from "../../../controller/src/kinds.ts";

const forever = new AbortController().signal;

/** A token-mode server with a volume, as a user writes it; `spec` is merged into its top level. */
function aServer(namespace: string, name: string, spec: object = {}): object {
  return {
    apiVersion: SERVER_KIND.apiVersion,
    kind: SERVER_KIND.kind,
    metadata: { namespace, name },
    spec: {
      routing: { host: "hub.example.org", path: `/${namespace}/${name}` },
      storage: { size: "1Gi", pvc: { enabled: true } },
      ...spec,
    },
  };
}

/** The kinds of a token-mode server's children; Secrets included, as the test may read what the controller may not. */
export const childKinds: readonly Kind[] = [
  kinds.Secret,
  kinds.ConfigMap,
  kinds.PersistentVolumeClaim,
  kinds.Service,
  kinds.NetworkPolicy,
  kinds.Ingress,
  kinds.StatefulSet,
];

/** Tries until `look` no longer throws, every 50 ms. @throws what it threw last, after the time limit. */
export async function eventually<T>(look: () => Promise<T>, timeoutMs = 180_000): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(50);
    }
  }
}

/** What a user sees and does: the API, as an administrator. */
export class User {
  readonly #client: KubeClient;
  readonly namespace: string;

  constructor(client: KubeClient, namespace: string) {
    this.#client = client;
    this.namespace = namespace;
  }

  async create(name: string, spec: object = {}): Promise<JupyterServer> {
    const created = await this.#client.create(SERVER_KIND, aServer(this.namespace, name, spec), {}, forever);
    return created as unknown as JupyterServer; // the CRD's schema has checked it
  }

  async server(name: string): Promise<JupyterServer> {
    const server = await this.#client.get(SERVER_KIND, { namespace: this.namespace, name }, forever);
    return server as unknown as JupyterServer; // see `create`
  }

  async patchServer(name: string, body: object): Promise<void> {
    await this.patch(SERVER_KIND, name, body);
  }

  async patch(kind: Kind, name: string, body: object): Promise<void> {
    await this.#client.patch(kind, { namespace: this.namespace, name }, { kind: "Merge", body }, {}, forever);
  }

  async get<T extends KubeObject>(kind: Kind<T>, name: string): Promise<Live<T>> {
    return await this.#client.get(kind, { namespace: this.namespace, name }, forever);
  }

  async find<T extends KubeObject>(kind: Kind<T>, name: string): Promise<Live<T> | undefined> {
    return await this.#client.find(kind, { namespace: this.namespace, name }, forever);
  }

  async remove(kind: Kind, name: string): Promise<void> {
    await this.#client.remove(kind, { namespace: this.namespace, name }, {}, forever);
  }

  async make(kind: Kind, name: string, rest: object): Promise<void> {
    const { apiVersion, kind: kindName } = kind;
    const metadata = { namespace: this.namespace, name };
    await this.#client.create(kind, { apiVersion, kind: kindName, metadata, ...rest }, {}, forever);
  }

  /** Names of the kinds of which the server has a child. */
  async childrenOf(name: string): Promise<readonly string[]> {
    const found = await Promise.all(childKinds.map((kind) => this.find(kind, name)));
    return childKinds.filter((_, index) => found[index] !== undefined).map(({ kind }) => kind);
  }

  /** Waits for the server to look so. */
  async until(name: string, isSo: (server: JupyterServer) => boolean, timeoutMs?: number): Promise<JupyterServer> {
    return await eventually(async () => {
      const server = await this.server(name);
      if (!isSo(server)) throw new Error(`server ${name} is not so yet: ${JSON.stringify(server.status)}`);
      return server;
    }, timeoutMs);
  }

  /** Hibernates the server and waits until its pod is gone: a resume before that would keep the pod. */
  async hibernate(name: string): Promise<void> {
    await this.patchServer(name, { spec: { jupyterServer: { hibernated: true } } });
    await this.until(name, ({ status }) => status?.state === "hibernated");
    await eventually(async () => {
      if ((await this.find(kinds.Pod, `${name}-0`)) !== undefined) throw new Error("the pod is still there");
    });
  }

  /** Waits until the StatefulSet's status has the ready pod: then nothing of Kubernetes' own changes any more. */
  async untilReadyReplica(name: string): Promise<void> {
    await eventually(async () => {
      const { status } = await this.get(kinds.StatefulSet, name);
      if (status?.readyReplicas !== 1) throw new Error(`${name} has no ready replica yet`);
    });
  }

  /** Does what a kubelet would tell: the pod of the server runs and all its containers are ready. */
  async makePodReady(name: string): Promise<Live<Pod>> {
    return await eventually(async () => {
      const pod = await this.get(kinds.Pod, `${name}-0`);
      if (pod.metadata.deletionTimestamp !== undefined) throw new Error("the old pod is still there");
      return await this.#client.patch(kinds.Pod, pod.metadata, readyPatch(pod), { subresource: "status" }, forever);
    });
  }
}

/** The status patch by which a kubelet reports that a pod runs. */
export function readyPatch(pod: Live<Pod>): { readonly kind: "Merge"; readonly body: object } {
  const lastTransitionTime = new Date().toISOString();
  const conditions = ["PodScheduled", "Initialized", "ContainersReady", "Ready"].map((type) => ({
    type,
    status: "True",
    lastTransitionTime,
  }));
  const containerStatuses = (pod.spec?.containers ?? []).map(({ name, image }) => ({
    name,
    image,
    imageID: "sha256:0",
    ready: true,
    started: true,
    restartCount: 0,
    state: { running: { startedAt: lastTransitionTime } },
  }));
  return { kind: "Merge", body: { status: { phase: "Running", conditions, containerStatuses } } };
}

/** Status of the condition of this type; undefined if there is none. */
export function conditionOf(server: JupyterServer, type: string): { status: string; reason: string } | undefined {
  return server.status?.conditions?.find((condition) => condition.type === type);
}
