import { Informer, type KubeClient, type Kind, kinds, type KubeObject } from "@amalthea/kube";
import { SERVER_KIND } from "../controller/src/kinds.ts";

/** When servers became Ready, and how long after their pods. */
export type ReadyLags = {
  /** Seconds from the first news that a pod is ready to that of its server, of those whose names begin so. */
  readonly seconds: (prefix: string) => readonly number[];
  /** Seconds from a time, as `performance.now()` gives it, until each of these servers was Ready. */
  readonly readyAfter: (prefix: string, startMs: number) => readonly number[];
  readonly stop: () => Promise<void>;
};

/** Watches, as a user's client does, when pods and their servers in a namespace become ready. */
export function watchReadyLags(admin: KubeClient, namespace: string, signal: AbortSignal): ReadyLags {
  const over = new AbortController();
  const stop = AbortSignal.any([signal, over.signal]);
  const pods = new Map<string, number>();
  const servers = new Map<string, number>();
  const follow = (kind: Kind, ready: Map<string, number>, serverOf: (name: string) => string): Promise<void> => {
    const informer = new Informer({ client: admin, kind, namespaces: [namespace] });
    informer.store.subscribe(({ current }) => {
      if (current === undefined || !isReady(current)) return;
      const server = serverOf(current.metadata.name);
      if (!ready.has(server)) ready.set(server, performance.now());
    });
    return informer.run(stop);
  };
  const watching = Promise.all([
    follow(kinds.Pod as Kind, pods, (name) => name.replace(/-0$/, "")),
    follow(SERVER_KIND, servers, (name) => name),
  ]);
  const named = (prefix: string): readonly (readonly [string, number])[] =>
    [...servers].filter(([name]) => name.startsWith(`${prefix}-`));
  return {
    seconds: (prefix) =>
      named(prefix).flatMap(([name, at]) => {
        const podAt = pods.get(name);
        return podAt === undefined ? [] : [Math.max(0, at - podAt) / 1000];
      }),
    readyAfter: (prefix, startMs) => named(prefix).map(([, at]) => (at - startMs) / 1000),
    stop: async () => {
      over.abort();
      await watching;
    },
  };
}

function isReady(object: KubeObject): boolean {
  const { conditions = [] } =
    (object as { status?: { conditions?: readonly { type: string; status: string }[] } }).status ?? {};
  return conditions.some(({ type, status }) => type === "Ready" && status === "True");
}
