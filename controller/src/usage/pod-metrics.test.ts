import type { KubeClient, Live, ListOptions } from "@amalthea/kube";
import { FakeClock } from "@amalthea/kube/testing";
import type { Pod } from "kubernetes-types/core/v1.js";
import { describe, expect, it } from "vitest";
import { PodMetrics } from "./pod-metrics.ts";

const forever = new AbortController().signal;

const aPod = (name: string, namespace = "sessions"): Live<Pod> =>
  ({ metadata: { name, namespace, creationTimestamp: "2026-03-01T12:00:00Z" } }) as Live<Pod>;

const anItem = (name: string, cpu: string, namespace = "sessions"): object => ({
  metadata: { name, namespace },
  timestamp: "2026-03-01T12:00:30Z",
  containers: [{ name: "jupyter-server", usage: { cpu, memory: "1Mi" } }],
});

/** A metrics API whose answers a test gives, and its reader. */
class World {
  readonly clock = new FakeClock(new Date("2026-03-01T12:00:31Z"));
  readonly asked: ListOptions[] = [];
  answer: (asked: ListOptions & { readonly signal: AbortSignal }) => Promise<readonly object[]> = async () => [];
  readonly metrics: PodMetrics;

  constructor(...namespaces: readonly string[]) {
    const list = async (_kind: unknown, options: ListOptions, signal: AbortSignal): Promise<object> => {
      this.asked.push(options);
      return { items: await this.answer({ ...options, signal }) };
    };
    const client = { list } as unknown as Pick<KubeClient, "list">;
    this.metrics = new PodMetrics({ client, namespaces, clock: this.clock });
  }

  async cpuOf(pod: Live<Pod>): Promise<number | undefined> {
    return (await this.metrics.presentOf(pod, forever))?.cpuMillicores;
  }
}

describe("the metrics of pods", () => {
  it("are read with one list of the pods of servers, for all who ask at the same time and some seconds later", async () => {
    const world = new World();
    world.answer = async () => [anItem("alice-0", "5m"), anItem("bob-0", "6m")];
    const pods = [aPod("alice-0"), aPod("bob-0"), aPod("nobody-0")];
    expect(await Promise.all(pods.map((pod) => world.cpuOf(pod)))).toEqual([5, 6, undefined]);
    await world.clock.advance(15_000);
    expect(await world.cpuOf(aPod("bob-0"))).toBe(6);
    expect(world.asked).toEqual([{ namespace: undefined, labelSelector: "amalthea.dev/parent-uid" }]);
    await world.clock.advance(1);
    await world.cpuOf(aPod("bob-0"));
    expect(world.asked).toHaveLength(2);
  });

  it("are read in each namespace of the scope, and the others follow if one cannot be read", async () => {
    const world = new World("one", "two");
    const refused = new Error("refused");
    world.answer = async ({ namespace = "" }) => {
      if (namespace === "one") throw refused;
      return [anItem("alice-0", "7m", namespace)];
    };
    await expect(world.metrics.refresh(forever)).rejects.toBe(refused);
    expect(world.metrics.lastOf(aPod("alice-0", "two"))).toMatchObject({ use: { cpuMillicores: 7 }, atMs: 0 });
    expect(world.metrics.lastOf(aPod("alice-0", "one"))).toBeUndefined();
    await expect(world.cpuOf(aPod("alice-0", "one"))).rejects.toBe(refused);
  });

  it("are unknown while the metrics API tells what it measured long ago", async () => {
    const world = new World();
    world.answer = async () => [anItem("alice-0", "5m")];
    expect(await world.cpuOf(aPod("alice-0"))).toBe(5);
    await world.clock.advance(300_000);
    expect(await world.cpuOf(aPod("alice-0"))).toBeUndefined();
    expect(world.metrics.lastOf(aPod("alice-0"))).toBeUndefined();
  });

  it("are given up after ten seconds", async () => {
    const world = new World();
    world.answer = ({ signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason as Error));
      });
    const reading = Promise.allSettled([world.metrics.refresh(forever)]);
    await world.clock.advance(10_000);
    expect(String((await reading)[0].status)).toBe("rejected");
  });

  it("keep their age when they cannot be read again", async () => {
    const world = new World();
    world.answer = async () => [anItem("alice-0", "5m")];
    await world.metrics.refresh(forever);
    world.answer = async () => await Promise.reject(new Error("away"));
    await world.clock.advance(60_000);
    await expect(world.metrics.refresh(forever)).rejects.toThrow("away");
    expect(world.metrics.lastOf(aPod("alice-0"))?.atMs).toBe(0);
  });
});
