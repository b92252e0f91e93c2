import { ApiError, type Live } from "@amalthea/kube";
import { FakeClock } from "@amalthea/kube/testing";
import type { Pod } from "kubernetes-types/core/v1.js";
import { afterEach, describe, expect, it } from "vitest";
import type { KubeletsRead } from "./kubelets.ts";
import { UsageSampler } from "./usage-sampler.ts";

const stops: AbortController[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop.abort();
});

const POD = {
  metadata: { uid: "pod", name: "alice-0", namespace: "sessions" },
  status: { phase: "Running", hostIP: "192.0.2.1" },
} as Live<Pod>;
const JUPYTER = { cpuMillicores: 5, memoryBytes: 7 };
const NODE = "https://192.0.2.1:10250";

/** Two sources whose behaviour a test changes, asked every 30 seconds. */
class World {
  readonly clock = new FakeClock();
  readonly told: string[] = [];
  /** What the metric is told of each attempt. */
  readonly reads: string[] = [];
  pods: readonly Live<Pod>[] = [POD];
  refresh: () => Promise<void> = async () => {};
  read: () => Promise<KubeletsRead> = async () => ({
    workspaces: new Map([["pod", { usedBytes: 3 }]]),
    errors: new Map([[NODE, undefined]]),
  });

  #isRunning = false;

  #start(): void {
    this.#isRunning = true;
    const stop = new AbortController();
    stops.push(stop);
    const tell = (line: string): void => void this.told.push(line);
    const log = (level: string) => (fields: object, text: string) =>
      tell(`${level}: ${text} (${"what" in fields ? String(fields.what) : ""})`);
    const sampler = new UsageSampler({
      intervalMs: 30_000,
      pods: () => this.pods,
      podMetrics: {
        refresh: () => this.refresh(),
        lastOf: () => ({ use: { measuredAt: new Date(0), cpuMillicores: 9, jupyter: JUPYTER }, atMs: 0 }),
      },
      kubelets: { read: () => this.read() },
      onContainers: (uid, { cpuMillicores }) => tell(`${uid} ${cpuMillicores} m`),
      onDisk: (uid, { usedBytes }) => tell(`${uid} ${usedBytes} bytes`),
      onRead: (source, result) => void this.reads.push(`${source} ${result}`),
      onRound: () => tell("round"),
      clock: this.clock,
      logger: { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") },
    });
    sampler.run(stop.signal).catch(() => undefined); // ends with the test
  }

  /** What was told in that time. */
  async after(seconds: number): Promise<readonly string[]> {
    this.told.length = 0;
    if (!this.#isRunning) this.#start();
    await this.clock.advance(seconds * 1000);
    return this.told.toSorted();
  }
}

describe("the measurement of usage", () => {
  it("tells what each source knows, in each interval", async () => {
    const world = new World();
    const round = ["pod 3 bytes", "pod 5 m", "round", "round"];
    expect(await world.after(0)).toEqual(round);
    expect(await world.after(29)).toEqual([]);
    expect(await world.after(1)).toEqual(round);
  });

  it("goes on at one source while the other does not answer", async () => {
    const world = new World();
    world.refresh = () => new Promise(() => {});
    await world.after(0);
    expect(await world.after(30)).toEqual(["pod 3 bytes", "round"]);
  });

  it("tells nothing of a pod that went while its node was read, which nobody would forget again", async () => {
    const world = new World();
    const healthy = world.read;
    world.read = async () => {
      world.pods = [];
      return await healthy();
    };
    expect(await world.after(0)).not.toContain("pod 3 bytes");
  });

  it("asks a source that fails later and later, up to every two minutes, and in each interval again once it answers", async () => {
    const world = new World();
    const asked: number[] = [];
    let isAway = true;
    world.refresh = async () => {
      asked.push(world.clock.monotonicMs() / 1000);
      if (isAway) throw new Error("away");
    };
    await world.after(0);
    expect((await world.after(29 * 30)).filter((line) => line === "round")).toHaveLength(2 * 29);
    expect(asked).toEqual([0, 30, 90, 210, 330, 450, 570, 690, 810]);
    isAway = false;
    await world.after(120);
    expect(asked.slice(9)).toEqual([930, 960, 990]);
  });

  it("asks the other nodes in each interval though one fails", async () => {
    const world = new World();
    let asked = 0;
    world.read = async () => {
      asked++;
      return {
        workspaces: new Map(),
        errors: new Map([
          [NODE, undefined],
          ["https://other", new Error("away")],
        ]),
      };
    };
    await world.after(0);
    await world.after(300);
    expect(asked).toBe(11);
  });

  it("logs a failure once, and its end, and goes through its rounds, in which values grow old", async () => {
    const world = new World();
    const healthy = world.read;
    world.read = async () => ({ workspaces: new Map(), errors: new Map([[NODE, new Error("refused")]]) });
    world.refresh = async () => await Promise.reject(new Error("away"));
    expect((await world.after(0)).filter((line) => line.startsWith("warn"))).toEqual([
      `warn: usage cannot be measured (${NODE})`,
      "warn: usage cannot be measured (the metrics API)",
    ]);
    expect(world.reads.toSorted()).toEqual(["Kubelet Failed", "MetricsApi Failed"]);
    expect(await world.after(30)).toEqual(["pod 5 m", "round", "round"]);
    world.read = healthy;
    world.refresh = async () => {};
    expect((await world.after(60)).filter((line) => line.startsWith("info"))).toEqual([
      `info: usage is measured again (${NODE})`,
      "info: usage is measured again (the metrics API)",
    ]);
  });

  it("takes a cluster without a metrics API as it is", async () => {
    const world = new World();
    world.refresh = async () => await Promise.reject(new ApiError("list PodMetrics", { code: 404 }));
    expect((await world.after(0)).filter((line) => line.includes("usage"))).toEqual([
      "info: usage is not measured: the cluster has no such API (the metrics API)",
    ]);
    expect(world.reads.toSorted()).toEqual(["Kubelet Read", "MetricsApi Absent"]);
  });

  it("asks in each interval whether a metrics API has been installed", async () => {
    const world = new World();
    let asked = 0;
    world.refresh = async () => {
      asked++;
      await Promise.reject(new ApiError("list PodMetrics", { code: 404 }));
    };
    await world.after(0);
    await world.after(600);
    expect(asked).toBe(21);
  });

  it("takes a kubelet without statistics for one that fails", async () => {
    const world = new World();
    const error = new ApiError("get statistics", { code: 404 });
    world.read = async () => ({ workspaces: new Map(), errors: new Map([[NODE, error]]) });
    await world.after(0);
    expect(world.reads.toSorted()).toEqual(["Kubelet Failed", "MetricsApi Read"]);
  });
});
