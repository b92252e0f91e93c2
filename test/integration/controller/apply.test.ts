import { FIELD_MANAGERS } from "@amalthea/api";
import { type ControlPlane, startControlPlane } from "@amalthea/cluster";
import { createClient, defineKind, isNamespaceTerminating, isNotFound, type KubeClient, kinds } from "@amalthea/kube";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { changeChild } from "../../../controller/src/apply/change-child.ts";
import type { Manifest } from "../../../controller/src/decide/decision.ts";
import { aNamespace, configOf, forever } from "../kube/fixture.ts";

let controlPlane: ControlPlane;
let client: KubeClient;

beforeAll(async () => {
  controlPlane = await startControlPlane();
  client = createClient({ config: configOf(controlPlane), userAgent: `${FIELD_MANAGERS.children}/1` });
});

afterAll(async () => {
  await client?.close();
  await controlPlane?.stop();
});

function aService(namespace: string, labels: Readonly<Record<string, string>>): Manifest {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "alice", namespace, labels },
    spec: { ports: [{ name: "http", port: 80, protocol: "TCP" }] },
  };
}

describe("changing a child", () => {
  it("puts our list in the place of one that leaves no room for ours, and takes fields away again later", async () => {
    const namespace = await aNamespace(client);
    await client.apply(kinds.Service, aService(namespace, { kept: "1", dropped: "1" }), {}, forever);
    const operations = [{ op: "replace", path: "/spec/ports/0/port", value: 81 }];
    const theirs = { kind: "Json", operations } as const;
    await client.patch(kinds.Service, { namespace, name: "alice" }, theirs, { fieldManager: "somebody" }, forever);

    await changeChild(aService(namespace, { kept: "1", dropped: "2" }), kinds.Service, client, forever);
    const repaired = await client.get(kinds.Service, { namespace, name: "alice" }, forever);
    expect(repaired.spec?.ports?.map(({ port }) => port)).toEqual([80]);
    const ours = repaired.metadata.managedFields?.filter(({ manager }) => manager === FIELD_MANAGERS.children);
    expect(ours?.map(({ operation }) => operation)).toEqual(["Apply"]);

    const changed = await changeChild(aService(namespace, { kept: "1" }), kinds.Service, client, forever);
    expect(changed.metadata.labels).toEqual({ kept: "1" });
  });
});

describe("what the API server says to an apply", () => {
  it("of a child in a namespace that is being deleted is told from other refusals", async () => {
    const namespace = await aNamespace(client);
    await client.remove(kinds.Namespace, { name: namespace }, {}, forever);
    const error: unknown = await client
      .apply(kinds.Service, aService(namespace, {}), { createOnly: true }, forever)
      .catch((refusal: unknown) => refusal);
    expect(isNamespaceTerminating(error)).toBe(true);
  });

  it("of a kind that it does not serve is that it is not found", async () => {
    const namespace = await aNamespace(client);
    const Gone = defineKind({ apiVersion: "gone.example.org/v1", kind: "Gone", plural: "gones" });
    const manifest = { apiVersion: "gone.example.org/v1", kind: "Gone", metadata: { name: "alice", namespace } };
    const error: unknown = await client.apply(Gone, manifest, {}, forever).catch((refusal: unknown) => refusal);
    expect(isNotFound(error)).toBe(true);
  });
});
