import { randomUUID } from "node:crypto";
import {
  type CallResult,
  type Clock,
  ConnectionError,
  createClient,
  type KubeClient,
  type Logger,
  readKubeConfig,
  systemClock,
} from "@amalthea/kube";
import { runOperator } from "../../../controller/src/operator/operator.ts";
import { readConfig } from "../../../controller/src/config/config.ts";
import { Metrics } from "../../../controller/src/operator/metrics.ts";
import { ServerTime } from "../../../controller/src/operator/server-time.ts";
import { kubeletConnector } from "../../../controller/src/usage/kubelet-connector.ts";
import { eventually } from "./servers.ts";
import type { World } from "./world.ts";

export type OperatorOptions = {
  /** Over what the chart sets. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Writes to objects, leases and Events apart, after which the process dies: the last one reaches the server, its answer nobody. */
  readonly diesAfterWrites?: number;
  readonly clock?: Clock;
};

/** A controller in this process, under the chart's service account, with the chart's settings. */
export interface Operator {
  /** Resolves when it leads. */
  readonly leading: Promise<void>;
  /** Resolves when its death by `diesAfterWrites` has come. */
  readonly dead: Promise<void>;
  /** Settles when it has ended. */
  readonly finished: Promise<void>;
  /** Resolves when nothing is queued, nothing is worked on and nothing is due later. */
  idle(): Promise<void>;
  /** What it has logged at warn or above. */
  readonly complaints: readonly string[];
  /** The value of one of its metrics, over all labels; undefined before there is one. */
  metric(name: string): Promise<number | undefined>;
  /** Ends it as SIGTERM does, and waits. */
  stop(): Promise<void>;
  /** Ends it as SIGKILL does: nothing is finished, nothing is given back. */
  kill(): Promise<void>;
}

export async function startOperator(world: World, options: OperatorOptions = {}): Promise<Operator> {
  const single = { LEADER_ELECTION_ENABLED: "false" };
  const ports = { HEALTH_PORT: "0", METRICS_PORT: "0" };
  const config = readConfig({ ...world.environment, ...single, ...ports, ...options.environment });
  const kubeConfig = await readKubeConfig(world.controllerKubeconfig);
  const metrics = new Metrics(config.metrics.legacy);
  const serverTime = new ServerTime(options.clock ?? systemClock);
  const onResult = (call: CallResult): void => {
    metrics.apiCall(call);
    serverTime.heard(call);
  };
  const connect = (): KubeClient => createClient({ config: kubeConfig, userAgent: "amalthea/test", onResult });
  const clients = new MortalClients(connect(), connect(), options.diesAfterWrites);
  const connectKubelet = kubeletConnector(kubeConfig, config.usage.kubelet?.caFile, "amalthea/test");
  const stop = new AbortController();
  const log = new TestLog();
  const identity = `test_${randomUUID()}`;
  const running = runOperator(
    {
      config,
      ...clients.both,
      connectKubelet,
      ownNamespace: "amalthea",
      identity,
      metrics,
      serverTime,
      version: "test",
      logger: log,
      ...(options.clock === undefined ? {} : { clock: options.clock }),
    },
    stop.signal,
  );
  const finished = endOf(running, clients);
  finished.catch(() => undefined); // a test that cares awaits it
  void clients.died.then(() => stop.abort());
  return {
    leading: Promise.race([log.leading, finished]),
    dead: clients.died,
    finished,
    // The garbage collector learns of a new kind by looking every 30 seconds. Until it has removed what an earlier server of
    // the name left, a write is tried again, in the end every 30 seconds.
    idle: () => eventually(async () => await requireIdle(metrics, log), 180_000),
    complaints: log.complaints,
    metric: async (name) => {
      const found = await metrics.registry.getSingleMetric(name)?.get();
      return found?.values.reduce((sum, { value }) => sum + value, 0);
    },
    stop: async () => {
      stop.abort();
      await finished;
    },
    kill: async () => {
      clients.die();
      await finished.catch(() => undefined);
    },
  };
}

async function endOf(running: Promise<void>, clients: MortalClients): Promise<void> {
  try {
    await running;
  } finally {
    await clients.close();
  }
}

async function requireIdle({ registry }: Metrics, { complaints }: TestLog): Promise<void> {
  const names = ["depth", "processing", "delayed"].map((part) => `amalthea_queue_${part}`);
  const found = await Promise.all(names.map(async (name) => await registry.getSingleMetric(name)?.get()));
  const busy = found.flatMap((metric) => (metric?.values ?? []).map(({ value }) => ({ name: metric?.name, value })));
  const keys = busy.filter(({ value }) => value > 0).map(({ name, value }) => `${name} ${value}`);
  if (keys.length > 0 || found.includes(undefined)) {
    throw new Error(`the queue is not empty: ${keys.join(", ")}; last complaint: ${complaints.at(-1) ?? "none"}`);
  }
}

/** The clients of a process that may die: from then on no call of theirs reaches the server. */
class MortalClients {
  readonly both: { readonly client: KubeClient; readonly leaseClient: KubeClient };
  readonly died: Promise<void>;
  readonly #inner: readonly KubeClient[];
  readonly #die: () => void;
  #isDead = false;
  #writesLeft: number;

  constructor(client: KubeClient, leaseClient: KubeClient, writes = Number.POSITIVE_INFINITY) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.died = promise;
    this.#die = resolve;
    this.#inner = [client, leaseClient];
    this.#writesLeft = writes;
    this.both = { client: this.#mortal(client), leaseClient: this.#mortal(leaseClient) };
  }

  #mortal(inner: KubeClient): KubeClient {
    return {
      get: async (kind, ref, signal) => await this.#call(() => inner.get(kind, ref, signal)),
      find: async (kind, ref, signal) => await this.#call(() => inner.find(kind, ref, signal)),
      findMetadata: async (kind, ref, signal) => await this.#call(() => inner.findMetadata(kind, ref, signal)),
      list: async (kind, page, signal) => await this.#call(() => inner.list(kind, page, signal)),
      watch: (kind, watch, signal) => inner.watch(kind, watch, signal),
      getText: async (path, signal) => await this.#call(() => inner.getText(path, signal)),
      create: async (kind, manifest, write, signal) =>
        await this.#write(kind.kind, () => inner.create(kind, manifest, write, signal)),
      apply: async (kind, manifest, write, signal) =>
        // A dry run writes nothing.
        write.dryRun === true
          ? await this.#call(() => inner.apply(kind, manifest, write, signal))
          : await this.#write(kind.kind, () => inner.apply(kind, manifest, write, signal)),
      replace: async (kind, manifest, write, signal) =>
        await this.#write(kind.kind, () => inner.replace(kind, manifest, write, signal)),
      patch: async (kind, ref, patch, write, signal) =>
        await this.#write(kind.kind, () => inner.patch(kind, ref, patch, write, signal)),
      remove: async (kind, ref, remove, signal) =>
        await this.#write(kind.kind, () => inner.remove(kind, ref, remove, signal)),
      close: async () => {}, // with the process, in `close`
    };
  }

  die(): void {
    this.#isDead = true;
    this.#die();
  }

  async close(): Promise<void> {
    await Promise.all(this.#inner.map((client) => client.close()));
  }

  async #call<T>(call: () => Promise<T>): Promise<T> {
    if (this.#isDead) throw new ConnectionError("the process is dead");
    const answer = await call();
    if (this.#isDead) throw new ConnectionError("the process is dead");
    return answer;
  }

  async #write<T>(kind: string, call: () => Promise<T>): Promise<T> {
    if (kind === "Lease" || kind === "Event") return await this.#call(call);
    // Several workers may be writing: those after the last one do not reach the server.
    if (this.#writesLeft-- <= 0) this.#isDead = true;
    const isLast = this.#writesLeft === 0;
    const answer = await this.#call(call);
    if (!isLast) return answer;
    this.die();
    throw new ConnectionError("the process is dead");
  }
}

/** Keeps what somebody should look at, and knows when the controller leads. */
class TestLog implements Logger {
  readonly complaints: string[] = [];
  readonly leading: Promise<void>;
  readonly #lead: () => void;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.leading = promise;
    this.#lead = resolve;
  }

  debug(): void {}

  info(_fields: object, message: string): void {
    if (message === "leading") this.#lead();
  }

  warn(fields: object, message: string): void {
    this.complaints.push(`${message} ${JSON.stringify(fields)}`);
  }

  error(fields: object, message: string): void {
    this.warn(fields, message);
  }
}
