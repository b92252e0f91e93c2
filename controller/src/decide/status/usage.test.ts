import type { JupyterServerStatus, ResourceUsage } from "@amalthea/api";
import { describe, expect, it } from "vitest";
import type { Observed } from "../live/observed.ts";
import { aPod, anObserved, aReadyPod, aServer, NOW, someFacts, someSettings } from "../testing/builders.ts";
import { statusOf } from "./status.ts";
import { usageToShow } from "./usage.ts";

const MI = 1024 * 1024;
const PENDING = { kind: "Pending" } as const;
const UNKNOWN = { kind: "Unknown" } as const;
const UID = aPod().metadata.uid;

function measured(cpuMillicores: number, memoryBytes = 300 * MI, usedBytes = 10 * MI): Observed["usage"] {
  const totalBytes = 1000 * MI;
  return {
    containers: { kind: "Known", value: { cpuMillicores, memoryBytes } },
    disk: { kind: "Known", value: { usedBytes, availableBytes: totalBytes - usedBytes, totalBytes } },
  };
}

type Write = { readonly atSeconds: number; readonly usage: ResourceUsage | undefined };

/** The writes of the status of a running server whose usage is measured every 30 seconds. */
function writesOf(measurements: readonly Observed["usage"][]): readonly Write[] {
  let status: JupyterServerStatus | undefined;
  return measurements.flatMap((usage, index) => {
    const now = new Date(NOW.getTime() + index * 30_000);
    const server = aServer(status === undefined ? {} : { status });
    const decided = statusOf(anObserved({ server, pod: aReadyPod(), usage }), someFacts(), someSettings(), now).status;
    if (decided === status) return [];
    status = decided;
    return [{ atSeconds: index * 30, usage: decided.mainPod?.resourceUsage }];
  });
}

const rounds = (count: number, usage: (round: number) => Observed["usage"]): readonly Observed["usage"][] =>
  Array.from({ length: count }, (_, round) => usage(round));

describe("the usage in the status of a server", () => {
  it("has the fields that clients of 0.24 read", () => {
    expect(usageToShow(undefined, UID, measured(5, 7 * MI, 3 * MI))).toEqual({
      cpuMillicores: 5,
      memoryBytes: 7 * MI,
      disk: { usedBytes: 3 * MI, availableBytes: 997 * MI, totalBytes: 1000 * MI },
    });
  });

  it("is what it was until it is measured again, without what 0.24 did not know, and only of the same pod", () => {
    const usage = { containers: PENDING, disk: PENDING };
    const before = {
      uid: UID,
      resourceUsage: { cpuMillicores: null, memoryBytes: 4, disk: { usedBytes: 1 } } as never,
    };
    expect(usageToShow(before, UID, usage)).toEqual({ memoryBytes: 4, disk: { usedBytes: 1 } });
    expect(usageToShow({ ...before, uid: "earlier" }, UID, usage)).toBeUndefined();
  });

  it("is not shown where nobody measures it", () => {
    const before = { uid: UID, resourceUsage: { cpuMillicores: 3, disk: { usedBytes: 1 } } };
    expect(usageToShow(before, UID, { containers: UNKNOWN, disk: PENDING })).toEqual({ disk: { usedBytes: 1 } });
    expect(usageToShow(before, UID, { containers: UNKNOWN, disk: UNKNOWN })).toBeUndefined();
  });

  it("costs one write when it becomes known, and one when it is no longer", () => {
    const unknown = { containers: UNKNOWN, disk: UNKNOWN };
    const writes = writesOf([unknown, unknown, measured(5), measured(5), unknown, unknown]);
    expect(writes.map(({ atSeconds }) => atSeconds)).toEqual([0, 60, 120]);
    expect(writes.at(-1)?.usage).toBeUndefined();
  });

  it("costs nothing while it changes by little", () => {
    const little = (round: number): Observed["usage"] =>
      measured(500 + (round % 2) * 99, 1000 * MI + (round % 3) * 40 * MI, 500 * MI + round * 1024);
    expect(writesOf(rounds(2880, little))).toHaveLength(1); // a day
  });

  it("costs a write in five minutes at most, however wildly it changes, and then is the newest", () => {
    const wild = (round: number): Observed["usage"] => measured(round % 2 === 0 ? 10 : 4000, (round % 7) * 500 * MI);
    const writes = writesOf(rounds(2880, wild));
    expect(writes.length).toBeGreaterThan(200);
    expect(writes.length).toBeLessThanOrEqual(288);
    for (const { atSeconds, usage } of writes) {
      expect(usage?.memoryBytes).toBe(((atSeconds / 30) % 7) * 500 * MI);
    }
  });

  it.each([
    { what: "100 millicores", from: measured(100), to: measured(200) },
    { what: "64 MiB", from: measured(5, 100 * MI), to: measured(5, 164 * MI) },
    { what: "a hundredth of a volume", from: measured(5, MI, 10 * MI), to: measured(5, MI, 20 * MI) },
  ])("follows a change by $what", ({ from, to }) => {
    expect(writesOf([from, ...rounds(11, () => to)]).map(({ atSeconds }) => atSeconds)).toEqual([0, 300]);
  });

  it("goes along with a write that has another reason", () => {
    const status = statusOf(anObserved({ pod: aPod(), usage: measured(5) }), someFacts(), someSettings(), NOW).status;
    const observed = anObserved({ server: aServer({ status }), pod: aReadyPod(), usage: measured(9) });
    expect(statusOf(observed, someFacts(), someSettings(), NOW).status.mainPod?.resourceUsage?.cpuMillicores).toBe(9);
  });
});
