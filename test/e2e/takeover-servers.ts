import { HOST, NAMESPACE } from "./legacy-controller.ts";
import type { TakeoverWorld } from "./takeover-world.ts";

/** What must not change about a pod. */
export type PodFacts = {
  readonly uid: string;
  readonly restarts: Readonly<Record<string, number>>;
};

/** What must not change about a Secret. */
export type SecretFacts = {
  readonly uid: string;
  readonly resourceVersion: string;
  readonly data: Readonly<Record<string, string>>;
};

type Condition = { readonly type: string; readonly status: string; readonly reason: string; readonly message: string };

type Status = {
  readonly state?: string;
  readonly observedGeneration?: number;
  readonly conditions?: readonly Condition[];
  readonly mainPod?: { readonly name: string };
  readonly children?: Readonly<Record<string, unknown>>;
};

/** The parts of a server that users and tests look at. */
export type ServerObject = {
  readonly metadata: {
    readonly generation: number;
    readonly finalizers?: readonly string[];
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly status?: Status;
};

type List<T> = { readonly items: readonly T[] };

type Pod = {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly spec: { readonly containers: readonly { readonly name: string }[] };
  readonly status: { readonly containerStatuses?: readonly { readonly name: string; readonly restartCount: number }[] };
};

type Secret = {
  readonly metadata: { readonly name: string; readonly uid: string; readonly resourceVersion: string };
  readonly data?: Readonly<Record<string, string>>;
};

/** The condition of a type; undefined if there is none. */
export function conditionOf(status: Status | undefined, type: string): Condition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}

/** Pods of the fixtures by name. */
export async function podsOf(world: TakeoverWorld): Promise<ReadonlyMap<string, PodFacts>> {
  const { items } = await world.get<List<Pod>>("api/v1", "pods");
  return new Map(
    items.map(({ metadata, status }) => {
      const restarts = (status.containerStatuses ?? []).map(({ name, restartCount }) => [name, restartCount] as const);
      return [metadata.name, { uid: metadata.uid, restarts: Object.fromEntries(restarts) }];
    }),
  );
}

/** Secrets of the fixtures by name. */
export async function secretsOf(world: TakeoverWorld): Promise<ReadonlyMap<string, SecretFacts>> {
  const { items } = await world.get<List<Secret>>("api/v1", "secrets");
  return new Map(
    items.map(({ metadata: { name, uid, resourceVersion }, data = {} }) => [name, { uid, resourceVersion, data }]),
  );
}

/** A server among the fixtures, handled as its user would. */
export class FixtureServer {
  readonly #name: string;
  readonly #world: TakeoverWorld;

  constructor(name: string, world: TakeoverWorld) {
    this.#name = name;
    this.#world = world;
  }

  read(): Promise<ServerObject> {
    return this.#world.get<ServerObject>("apis/amalthea.dev/v1alpha1", `jupyterservers/${this.#name}`);
  }

  /** Merges a change into the object. */
  async patch(change: object): Promise<void> {
    await this.#kubectl("patch", `jupyterserver/${this.#name}`, "--type=merge", `--patch=${JSON.stringify(change)}`);
  }

  /** Asks for a restart as `docs/reference` says. */
  async restart(): Promise<void> {
    // To the second, and not before the pod was made.
    const restartedAt = new Date().toISOString();
    await this.patch({ metadata: { annotations: { "amalthea.dev/restartedAt": restartedAt } } });
  }

  async waitForPod(): Promise<void> {
    await this.#wait(`pod/${this.#name}-0`, "condition=Ready");
  }

  async waitForPodGone(): Promise<void> {
    await this.#wait(`pod/${this.#name}-0`, "delete");
  }

  async waitUntilGone(): Promise<void> {
    await this.#wait(`jupyterserver/${this.#name}`, "delete");
  }

  async waitForState(state: string): Promise<void> {
    await this.#wait(`jupyterserver/${this.#name}`, `jsonpath={.status.state}=${state}`);
  }

  /** Waits until the status is about a generation of the spec. */
  async waitForObserved(generation: number): Promise<void> {
    await this.#wait(`jupyterserver/${this.#name}`, `jsonpath={.status.observedGeneration}=${generation}`);
  }

  /** Waits for a condition about the present spec to be so, or not to be there. */
  async waitForCondition(condition: string, presence: "present" | "absent" = "present"): Promise<void> {
    const [type = "", value] = condition.split("=");
    await this.#world.until(
      () => this.read(),
      ({ metadata, status }) => {
        if (status?.observedGeneration !== metadata.generation) return false;
        const found = conditionOf(status, type);
        return presence === "absent" ? found === undefined : found?.status === value;
      },
      240,
    );
  }

  /** Names of the containers of its pod; none without a pod. */
  async containers(): Promise<readonly string[]> {
    const { items } = await this.#world.get<List<Pod>>("api/v1", "pods");
    const pod = items.find(({ metadata }) => metadata.name === `${this.#name}-0`);
    return (pod?.spec.containers ?? []).map(({ name }) => name);
  }

  /** The token as its user finds it. */
  async token(): Promise<string> {
    const { data = {} } = await this.#world.get<Secret>("api/v1", `secrets/${this.#name}`);
    return Buffer.from(data["jupyterServerAppToken"] ?? "", "base64").toString();
  }

  /** Runs a shell command in its Jupyter container. @returns what it printed. */
  async exec(command: string): Promise<string> {
    return await this.#kubectl("exec", `${this.#name}-0`, "-c", "jupyter-server", "--", "sh", "-c", command);
  }

  /** Evicts its pod, as a drain of the node does. */
  async evict(): Promise<void> {
    const name = `${this.#name}-0`;
    const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name, namespace: NAMESPACE } };
    const path = `/api/v1/namespaces/${NAMESPACE}/pods/${name}/eviction`;
    await this.#world.cluster.kubectl(["create", `--raw=${path}`, "-f", "-"], { stdin: JSON.stringify(eviction) });
  }

  /** Writes a file beside its root directory, which on a new volume 0.24 left to root. */
  async writeFile(path: string, content: string): Promise<void> {
    await this.exec(`printf %s '${content}' > /home/jovyan/work/${path}`);
  }

  async readFile(path: string): Promise<string> {
    return await this.exec(`cat /home/jovyan/work/${path}`);
  }

  /** Waits until its API answers to a token. */
  async waitForAnswer(token: string): Promise<void> {
    const url = `http://${HOST}/sessions/${this.#name}/api/kernels`;
    await this.#world.until(
      async () => {
        const answer = await this.#world.send(url, { authorization: `token ${token}` });
        return { status: answer.status, body: await answer.text() };
      },
      ({ status }) => status === 200,
    );
  }

  async #wait(resource: string, condition: string): Promise<void> {
    await this.#kubectl("wait", resource, `--for=${condition}`, "--timeout=300s");
  }

  async #kubectl(...args: readonly string[]): Promise<string> {
    const [command = "", ...rest] = args;
    const { stdout } = await this.#world.cluster.kubectl([command, `--namespace=${NAMESPACE}`, ...rest]);
    return stdout;
  }
}
