import type { KubeClient } from "@amalthea/kube";
import { describe, expect, it } from "vitest";
import { cpuMillicoresOf } from "./cpu-use.ts";

const signal = new AbortController().signal;

/** What the metrics API answers. */
function answering(object: object | undefined): Pick<KubeClient, "find"> {
  return { find: async () => object } as unknown as Pick<KubeClient, "find">;
}

const used = async (...cpus: readonly unknown[]): Promise<number | undefined> => {
  const containers = cpus.map((cpu) => ({ usage: { cpu } }));
  return cpuMillicoresOf({ namespace: "sessions", name: "alice-0" }, answering({ containers }), signal);
};

describe("the CPU use of a pod", () => {
  it("is that of its containers together, in every unit that metrics-server uses", async () => {
    expect(await used("250m", "1", "5000000n", "1500u")).toBe(1256.5);
  });

  it("is unknown for a pod without metrics, and for amounts that are none", async () => {
    expect(await used()).toBeUndefined();
    expect(await used("250m", "much")).toBeUndefined();
    const none = cpuMillicoresOf({ namespace: "sessions", name: "alice-0" }, answering(undefined), signal);
    expect(await none).toBeUndefined();
  });
});
