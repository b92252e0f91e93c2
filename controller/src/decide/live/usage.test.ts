import { describe, expect, it } from "vitest";
import { ago, aPod, NOW, timeAgo } from "../testing/builders.ts";
import { diskUsageOf, isPresentUseOf, podUseIn, workspacesIn } from "./usage.ts";

const metrics = (...usages: readonly object[]): object => ({
  timestamp: timeAgo(5),
  containers: usages.map((usage, index) => ({ name: index === 0 ? "jupyter-server" : `other-${index}`, usage })),
});

describe("what the metrics API tells of a pod", () => {
  it("is the CPU of all containers, and CPU and memory of Jupyter's, in every unit that metrics-server uses", () => {
    const use = podUseIn(
      metrics({ cpu: "250m", memory: "131072Ki" }, { cpu: "1", memory: "1Mi" }, { cpu: "1500u", memory: "5" }),
    );
    expect(use?.cpuMillicores).toBe(1251.5);
    expect(use?.jupyter).toEqual({ cpuMillicores: 250, memoryBytes: 134_217_728 });
    expect(podUseIn(metrics({ cpu: "5000000n", memory: "1k" }))?.jupyter).toEqual({
      cpuMillicores: 5,
      memoryBytes: 1000,
    });
  });

  it("is nothing where a container, its amounts or the time are missing", () => {
    expect(podUseIn({})).toBeUndefined();
    expect(podUseIn(metrics())).toBeUndefined();
    expect(podUseIn(metrics({ cpu: "1", memory: "1" }, { cpu: "much", memory: "1" }))).toBeUndefined();
    expect(podUseIn({ ...metrics({ cpu: "1", memory: "1" }), timestamp: undefined })).toBeUndefined();
  });

  it("is not what an earlier pod of the same name used", () => {
    const use = podUseIn(metrics({ cpu: "1", memory: "1" }));
    const startedAt = (startTime: string): ReturnType<typeof aPod> => {
      const pod = aPod();
      return { ...pod, status: { ...pod.status, startTime } };
    };
    if (use === undefined) return expect.unreachable();
    expect(isPresentUseOf(use, startedAt(timeAgo(60)), NOW)).toBe(true);
    expect(isPresentUseOf(use, startedAt(NOW.toISOString()), NOW)).toBe(false);
  });

  it("is not what the pod used more than five minutes ago", () => {
    const use = podUseIn(metrics({ cpu: "1", memory: "1" }));
    if (use === undefined) return expect.unreachable();
    const pod = aPod();
    const started = { ...pod, status: { ...pod.status, startTime: timeAgo(3600) } };
    expect(isPresentUseOf(use, started, ago(-295))).toBe(true);
    expect(isPresentUseOf(use, started, ago(-296))).toBe(false);
  });
});

describe("what the kubelet's summary tells of a pod", () => {
  const MI = 1024 * 1024;
  const onDisk = { usedBytes: 9 * MI, availableBytes: 500 * MI, capacityBytes: 600 * MI };

  it("is found by the uid of the pod, at the volume with the user's files", () => {
    const summary = {
      pods: [
        {
          podRef: { uid: "a" },
          volume: [
            { name: "other", usedBytes: 1 },
            { name: "workspace", ...onDisk, inodes: 7 },
          ],
        },
        { podRef: { uid: "b" }, volume: [{ name: "other", usedBytes: 1 }] },
        { podRef: { uid: "c" } },
      ],
    };
    expect([...workspacesIn(summary)]).toEqual([["a", onDisk]]);
    for (const nonsense of [undefined, [], { pods: {} }, { pods: [null, { podRef: 3, volume: "x" }] }]) {
      expect(workspacesIn(nonsense).size).toBe(0);
    }
  });

  it("is shown as 0.24 did: a size limit is the size of an emptyDir, and a volume has what is used and available", () => {
    const withLimit = aPod({ spec: { volumes: [{ name: "workspace", emptyDir: { sizeLimit: "100Mi" } }] } });
    const full = { ...onDisk, usedBytes: 101 * MI };
    expect(diskUsageOf(withLimit, onDisk)).toEqual({
      usedBytes: 9 * MI,
      availableBytes: 91 * MI,
      totalBytes: 100 * MI,
    });
    expect(diskUsageOf(withLimit, full)?.availableBytes).toBe(0);
    const claimed = aPod({ spec: { volumes: [{ name: "workspace", persistentVolumeClaim: { claimName: "alice" } }] } });
    expect(diskUsageOf(claimed, onDisk)).toEqual({
      usedBytes: 9 * MI,
      availableBytes: 500 * MI,
      totalBytes: 509 * MI,
    });
    expect(diskUsageOf(claimed, { availableBytes: 5 })).toBeUndefined(); // a driver that does not know what is used
    expect(diskUsageOf(claimed, { usedBytes: 5 })).toEqual({ usedBytes: 5 });
  });
});
