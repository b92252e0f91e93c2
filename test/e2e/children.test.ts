import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { get, kubectl, leaveNamespace, namesOf, until, useNamespace, waitFor } from "./cluster.ts";
import { TestServer } from "./server.ts";

let namespace: string;
let server: TestServer;

beforeAll(async () => {
  namespace = await useNamespace("e2e-children");
  server = new TestServer("repaired", namespace);
  await server.apply({ storage: { pvc: { enabled: true } } });
  await waitFor("jupyterserver/repaired", namespace, "condition=Ready");
});

afterAll(() => leaveNamespace(namespace));

type Identified = { readonly metadata: { readonly uid: string } };

describe("the children of a running server", () => {
  it.each(["service", "ingress", "configmap", "statefulset"])("a hand-deleted %s comes back", async (kind) => {
    const before = await get<Identified>(kind, "repaired", namespace);
    // It may be back before kubectl has seen it go, so kubectl could wait for ever.
    await kubectl(["delete", kind, "repaired", "-n", namespace, "--cascade=orphan", "--wait=false"]);
    const read = (): Promise<Identified | undefined> =>
      get<Identified>(kind, "repaired", namespace).catch(() => undefined);
    await until(read, (after) => after !== undefined && after.metadata.uid !== before.metadata.uid);
    await waitFor("jupyterserver/repaired", namespace, "condition=Ready");
  });

  type Service = {
    readonly metadata: { readonly uid: string; readonly annotations?: Readonly<Record<string, string>> };
    readonly spec: { readonly ports: readonly { readonly port: number; readonly targetPort: unknown }[] };
  };
  const readService = (): Promise<Service> => get<Service>("service", "repaired", namespace);
  const patchService = (change: object): Promise<string> =>
    kubectl(["patch", "service", "repaired", "-n", namespace, "--type=merge", "-p", JSON.stringify(change)]);

  it("a changed field of ours comes back, what others added stays", async () => {
    const annotations = { "example.org/added": "by somebody" };
    await patchService({ metadata: { annotations }, spec: { ports: [{ name: "http", port: 80, targetPort: 1 }] } });
    const service = await until(readService, ({ spec }) => spec.ports[0]?.targetPort === "http");
    expect(service.metadata.annotations).toMatchObject(annotations);
  });

  it("a Service whose port somebody replaced leads to the server again", async () => {
    await patchService({ spec: { ports: [{ port: 81, targetPort: 1 }] } });
    const read = (): Promise<Service | undefined> => readService().catch(() => undefined);
    await until(read, (service) => service?.spec.ports.some(({ port }) => port === 80) ?? false);
    const token = await server.token();
    await until(
      () => server.ask("/api/status", token),
      ({ status }) => status === 200,
    );
  });

  it("keep their pod through all of this", async () => {
    const { status } = await server.read();
    expect(status?.state).toBe("running");
    const restarts = await kubectl([
      "get",
      "pod",
      "repaired-0",
      "-n",
      namespace,
      "-o",
      "jsonpath={.status.containerStatuses[*].restartCount}",
    ]);
    expect(restarts).toBe("0");
  });

  it("a hand-deleted Secret comes back at the next start, with a new token", async () => {
    const token = await server.token();
    await kubectl(["delete", "secret", "repaired", "-n", namespace, "--wait=false"]);
    await kubectl(["delete", "pod", "repaired-0", "-n", namespace, "--grace-period=1"]);
    const secrets = () => namesOf("secret", namespace, "amalthea.dev/parent-name=repaired");
    await until(secrets, ({ length }) => length === 1);
    await waitFor("jupyterserver/repaired", namespace, "condition=Ready");
    const renewed = await server.token();
    expect(renewed).toMatch(/^[0-9a-f]{64}$/);
    expect(renewed).not.toBe(token);
    const answer = await until(
      () => server.ask("/api/status", renewed),
      ({ status }) => status !== 404,
    );
    expect(answer.status).toBe(200);
  });
});
