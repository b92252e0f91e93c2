import { Informer, type Kind, type KubeObject, kinds, type Live } from "@amalthea/kube";
import { SERVER_KIND } from "../controller/src/kinds.ts";
import { bareManifests } from "./bare-manifests.ts";
import { aServer } from "./one-server.ts";
import type { RealCluster } from "./real-cluster.ts";
import { type Measurement, median } from "./report.ts";

/** An odd number, so that the median is one of them. */
const ROUNDS = 7;

const LIMIT_MS = 300_000;

/**
 * From `kubectl apply` to Ready: a server of ours, and by turns the same pod by manifests of a StatefulSet, a Service and
 * an Ingress, so that whatever else the machine does meets both.
 */
export async function startTime(cluster: RealCluster): Promise<readonly Measurement[]> {
  const { kubectl, jupyterImage } = cluster;
  const stop = new AbortController();
  const ready = new Readiness(cluster, stop.signal);
  try {
    const ours: number[] = [];
    const bare: number[] = [];
    // The first pulls the image, and is the model of the others.
    await kubectl(["apply", "-f", "-"], aServer(MODEL, jupyterImage));
    await ready.until(SERVER_KIND, MODEL);
    const model = await bareManifests(cluster, MODEL);
    await removed(ready, `${MODEL}-0`, () => kubectl(["delete", `${SERVER_KIND.plural}/${MODEL}`]));
    for (let round = 0; round < ROUNDS; round += 1) {
      ours.push(await oneOfOurs(cluster, ready, `server-${round}`));
      bare.push(await oneBare(cluster, ready, model, `plain-${round}`));
    }
    const list = (values: readonly number[]): string => values.map((ms) => (ms / 1000).toFixed(1)).join(", ");
    return [
      {
        what: "from kubectl apply to Ready, as a ratio to the same pod by bare manifests",
        measured: median(ours) / median(bare),
        atMost: 1.15,
        detail: `seconds of ours: ${list(ours)}; of the bare ones: ${list(bare)}`,
      },
    ];
  } finally {
    stop.abort();
  }
}

/** A name that occurs nowhere else in the manifests, so that it can be replaced in their text. */
const MODEL = "model-of-the-bench";

async function oneOfOurs({ kubectl, jupyterImage }: RealCluster, ready: Readiness, name: string): Promise<number> {
  const start = performance.now();
  const [at] = await Promise.all([
    ready.until(SERVER_KIND, name),
    kubectl(["apply", "-f", "-"], aServer(name, jupyterImage)),
  ]);
  await removed(ready, `${name}-0`, () => kubectl(["delete", `${SERVER_KIND.plural}/${name}`]));
  return at - start;
}

async function oneBare(
  { kubectl }: RealCluster,
  ready: Readiness,
  model: readonly object[],
  name: string,
): Promise<number> {
  const list = JSON.parse(
    JSON.stringify({ apiVersion: "v1", kind: "List", items: model }).replaceAll(MODEL, name),
  ) as object; // what was written
  const start = performance.now();
  const [at] = await Promise.all([ready.until(kinds.Pod, `${name}-0`), kubectl(["apply", "-f", "-"], list)]);
  await removed(ready, `${name}-0`, () => kubectl(["delete", "-f", "-"], list));
  return at - start;
}

/** Deletes, and waits until the pod is gone: the next one has the machine for itself. */
async function removed(ready: Readiness, pod: string, remove: () => Promise<unknown>): Promise<void> {
  await Promise.all([ready.untilGone(pod), remove()]);
}

type WithConditions = KubeObject & {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
};

/** Knows of servers and pods when they become Ready, by watches: the moment counts, not when somebody asks. */
class Readiness {
  readonly #informers: readonly Informer<KubeObject>[];

  constructor({ admin }: RealCluster, signal: AbortSignal) {
    this.#informers = [SERVER_KIND, kinds.Pod as Kind].map((kind) => {
      const informer = new Informer({ client: admin, kind, namespaces: ["default"] });
      void informer.run(signal);
      return informer;
    });
  }

  /** The time, as of `performance.now`, at which the object became Ready. */
  async until(kind: Kind, name: string): Promise<number> {
    return await this.#when(kind, name, (object) => object !== undefined && isReady(object));
  }

  async untilGone(pod: string): Promise<void> {
    await this.#when(kinds.Pod as Kind, pod, (object) => object === undefined);
  }

  #when(kind: Kind, name: string, isSo: (object: Live | undefined) => boolean): Promise<number> {
    const store = this.#informers.find((informer) => informer.store.kind.kind === kind.kind)?.store;
    if (store === undefined) throw new TypeError(`${kind.kind} is not watched`);
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const late = setTimeout(
      () => reject(new Error(`${kind.kind} ${name}: nothing for ${LIMIT_MS / 1000} s`)),
      LIMIT_MS,
    );
    store.subscribe(({ current, previous }) => {
      const changed = current ?? previous;
      if (changed?.metadata.name === name && isSo(current)) resolve(performance.now());
    });
    return promise.finally(() => clearTimeout(late));
  }
}

function isReady(object: Live): boolean {
  const { conditions = [] } = (object as WithConditions).status ?? {}; // pods and servers have the same form
  return conditions.some(({ type, status }) => type === "Ready" && status === "True");
}
