import { describe, expect, it } from "vitest";
import { UsageMemory } from "./usage-memory.ts";

const containers = { cpuMillicores: 250, memoryBytes: 1000 };
const MAX_AGE = 300_000;

describe("the memory of what pods use", () => {
  it("has a value until it is too old to be the present one", () => {
    const memory = new UsageMemory(["MetricsApi"], MAX_AGE);
    memory.begin(0);
    memory.rememberContainers("pod", containers, 1000);
    expect(memory.of("pod", 1000 + MAX_AGE).containers).toEqual({ kind: "Known", value: containers });
    expect(memory.of("pod", 1001 + MAX_AGE).containers).toEqual({ kind: "Unknown" });
  });

  it("knows after a start that it does not know yet, and later that it does not know", () => {
    const memory = new UsageMemory(["MetricsApi", "Kubelet"], MAX_AGE);
    expect(memory.of("pod", 5).disk).toEqual({ kind: "Pending" });
    memory.begin(1000);
    memory.rememberContainers("pod", containers, 2000);
    expect(memory.of("pod", 1000 + MAX_AGE)).toEqual({
      containers: { kind: "Known", value: containers },
      disk: { kind: "Pending" },
    });
    expect(memory.of("pod", 1001 + MAX_AGE).disk).toEqual({ kind: "Unknown" });
  });

  it("does not wait for a source that is off", () => {
    expect(new UsageMemory(["MetricsApi"], MAX_AGE).of("pod", 0)).toEqual({
      containers: { kind: "Pending" },
      disk: { kind: "Unknown" },
    });
  });

  it("sums up what is known now, without pods that are gone", () => {
    const memory = new UsageMemory(["MetricsApi", "Kubelet"], MAX_AGE);
    memory.rememberContainers("old", containers, 0);
    for (const uid of ["a", "b", "gone"]) memory.rememberContainers(uid, containers, MAX_AGE);
    memory.rememberDisk("a", { usedBytes: 90, availableBytes: 10, totalBytes: 100 }, MAX_AGE);
    memory.rememberDisk("b", { usedBytes: 5 }, MAX_AGE);
    memory.forget("gone");
    expect(memory.totals(MAX_AGE + 1)).toEqual({
      cpuMillicores: 500,
      memoryBytes: 2000,
      diskUsedBytes: 95,
      nearlyFull: 1,
      measured: { MetricsApi: 2, Kubelet: 2 },
    });
  });
});
