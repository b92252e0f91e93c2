import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { get, kubectl, leaveNamespace, useNamespace, waitFor } from "./cluster.ts";
import { field, podOf, untilReason, untilWithout } from "./look.ts";
import { TestServer } from "./server.ts";

let namespace: string;
let server: TestServer;

beforeAll(async () => {
  namespace = await useNamespace("e2e-hibernation");
  server = new TestServer("asleep", namespace);
  await server.apply({ jupyterServer: { hibernated: true } });
});

afterAll(() => leaveNamespace(namespace));

type Annotated = { readonly metadata: { readonly annotations?: Readonly<Record<string, string>> } };

async function hibernationAnnotations(): Promise<Readonly<Record<string, string>>> {
  const { metadata } = await get<Annotated>("jupyterserver", "asleep", namespace);
  const entries = Object.entries(metadata.annotations ?? {}).filter(([key]) => key.startsWith("renku.io/hibernation"));
  return Object.fromEntries(entries.map(([key, value]) => [key.slice("renku.io/".length), value]));
}

describe("a server that is hibernated when it is made", () => {
  it("never has a pod", async () => {
    await waitFor("jupyterserver/asleep", namespace, "condition=Hibernated");
    await waitFor("statefulset/asleep", namespace, "jsonpath={.status.observedGeneration}=1");
    expect(await field("statefulset", server, ".spec.replicas")).toBe("0");
    expect(await podOf(server)).toBeUndefined();
    const events = await kubectl(["get", "events", "-n", namespace, "--field-selector=involvedObject.name=asleep-0"]);
    expect(events).toBe("");
  });

  it("has everything else, its address included", async () => {
    const { status } = await server.read();
    expect(status?.url).toContain(server.path);
    const kinds = "service,ingress,configmap,secret,networkpolicy";
    const names = await kubectl(["get", kinds, "-n", namespace, "-l", "amalthea.dev/parent-name=asleep", "-o", "name"]);
    expect(names.trim().split("\n")).toHaveLength(5);
  });

  it("is told that without a volume it keeps no files", async () => {
    expect(await server.condition("StorageWarning")).toMatchObject({ reason: "HibernatedWithoutVolume" });
  });

  it("starts when it is resumed; the warning and the annotations of the hibernation go", async () => {
    expect((await hibernationAnnotations())["hibernationDate"]).toMatch(/^\d{4}-\d\d-\d\dT[\d:]+\+00:00$/);
    await server.patch({ spec: { jupyterServer: { hibernated: false } } });
    await waitFor("jupyterserver/asleep", namespace, "condition=Ready");
    await untilWithout(server, "StorageWarning");
    expect(Object.values(await hibernationAnnotations()).join("")).toBe("");
  });

  it("carries the date of a hibernation, or what the client that hibernates it says of its repository", async () => {
    const said = { "renku.io/hibernationDate": "2026-01-02T03:04:05+00:00", "renku.io/hibernationBranch": "main" };
    await server.patch({ metadata: { annotations: said }, spec: { jupyterServer: { hibernated: true } } });
    await untilReason(server, "Hibernated", "Hibernated");
    expect(await hibernationAnnotations()).toMatchObject({
      hibernationDate: "2026-01-02T03:04:05+00:00",
      hibernationBranch: "main",
    });
  });
});
