import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KubectlError, leaveNamespace, until, useNamespace, waitFor } from "./cluster.ts";
import { type ServerObject, TestServer } from "./server.ts";

let namespace: string;

beforeAll(async () => {
  namespace = await useNamespace("e2e-bad-input");
});

afterAll(() => leaveNamespace(namespace));

/** Waits until some condition carries the reason, whichever condition that is. */
async function waitForReason(server: TestServer, reason: string): Promise<void> {
  const carriesReason = ({ status }: ServerObject): boolean =>
    status?.conditions?.some((condition) => condition.reason === reason) ?? false;
  await until(() => server.read(), carriesReason);
}

describe("a server that cannot work says why, and correcting it is enough", () => {
  it.each([
    {
      mistake: "an image that does not exist",
      spec: { jupyterServer: { image: "jupyter/does-not-exist:v9" } },
      reason: "ImageNotFound",
    },
    {
      mistake: "a storage class that does not exist",
      spec: { storage: { size: "1Gi", pvc: { enabled: true, storageClassName: "no-such-class" } } },
      correction: { storage: { size: "1Gi", pvc: { enabled: true, storageClassName: null } } },
      reason: "StorageClassMissing",
    },
    {
      mistake: "a patch that points nowhere",
      spec: {
        patches: [
          { type: "application/json-patch+json", patch: [{ op: "remove", path: "/statefulset/spec/no-such-field" }] },
        ],
      },
      correction: { patches: [] },
      reason: "InvalidPatch",
    },
  ])("$mistake", async ({ mistake, spec, correction, reason }) => {
    const server = new TestServer(`bad-${mistake.split(" ")[1]}`, namespace);
    await server.apply(spec);
    await waitForReason(server, reason);
    await (correction === undefined ? server.apply() : server.patch({ spec: correction }));
    await waitFor(`jupyterserver/${server.name}`, namespace, "condition=Ready");
  });

  it("a server without a host is refused with the field and the fix", async () => {
    const server = new TestServer("no-host", namespace);
    await expect(server.apply({ routing: { host: null } as unknown as object })).rejects.toThrow(KubectlError);
    await expect(server.apply({ routing: { host: null } as unknown as object })).rejects.toThrow(/routing.*host/);
  });
});
