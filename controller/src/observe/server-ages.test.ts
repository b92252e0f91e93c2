import type { KubeObject, Live, ObjectKey } from "@amalthea/kube";
import { describe, expect, it } from "vitest";
import { ServerAges } from "./server-ages.ts";

function aServer(name: string, second: number, namespace = "ns"): Live<KubeObject> {
  const creationTimestamp = `2026-01-01T00:00:0${second}Z`;
  return { metadata: { name, namespace, uid: `uid-${name}`, resourceVersion: "1", creationTimestamp } };
}

const keyOf = ({ metadata }: Live<KubeObject>): ObjectKey => `${metadata.namespace}/${metadata.name}` as ObjectKey;

function agesOf(...servers: readonly Live<KubeObject>[]): ServerAges {
  const ages = new ServerAges();
  for (const current of servers) ages.update({ key: keyOf(current), current });
  return ages;
}

function older(ages: ServerAges, server: Live<KubeObject>): number {
  return ages.olderThan({ ...server.metadata, namespace: server.metadata.namespace ?? "" });
}

describe("ServerAges", () => {
  const [first, second, third] = [aServer("c", 1), aServer("a", 2), aServer("b", 2)];
  const elsewhere = aServer("d", 0, "other");

  it("counts the older servers of a namespace; of one second the smaller uid is older", () => {
    const ages = agesOf(third, elsewhere, first, second);
    expect([first, second, third, elsewhere].map((server) => older(ages, server))).toEqual([0, 1, 2, 0]);
    expect(ages.keyAt("ns", 1)).toBe("ns/a");
    expect(ages.keyAt("ns", 3)).toBeUndefined();
  });

  it("counts a server once, however often it changes, and no longer when it is gone or replaced", () => {
    const ages = agesOf(first, second, third, { ...first });
    expect(older(ages, third)).toBe(2);
    const again = { metadata: { ...first.metadata, uid: "uid-new", creationTimestamp: "2026-01-01T00:00:09Z" } };
    ages.update({ key: keyOf(first), previous: first });
    ages.update({ key: keyOf(again), current: again });
    expect(older(ages, third)).toBe(1);
    expect(ages.keyAt("ns", 2)).toBe("ns/c");
  });
});
