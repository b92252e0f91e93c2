import { ApiError, type KubeClient } from "@amalthea/kube";
import { describe, expect, it } from "vitest";
import { aServer } from "../decide/testing/builders.ts";
import { writeStatus } from "./write-status.ts";

describe("writeStatus", () => {
  it("makes known that the server is gone, so that nothing is made for it any more", async () => {
    const server = aServer();
    const gone = new ApiError("patch JupyterServer", { code: 404, reason: "NotFound", about: "jupyterservers/alice" });
    const client = { patch: () => Promise.reject(gone) } as unknown as KubeClient;
    const removed: string[] = [];
    const deps = {
      client,
      recordWrite: () => {},
      recordRemoval: (kind: { kind: string }, key: string, uid: string) => removed.push(`${kind.kind} ${key} ${uid}`),
    };
    const result = await writeStatus(server, { state: "running" }, deps, new AbortController().signal);
    expect(result).toBe("Unchanged");
    const { namespace, name, uid } = server.metadata;
    expect(removed).toEqual([`JupyterServer ${namespace}/${name} ${uid}`]);
  });

  it("takes a CRD without a status subresource for no sign that the server is gone", async () => {
    const unserved = new ApiError("patch JupyterServer", { code: 404, reason: "NotFound" });
    const client = { patch: () => Promise.reject(unserved) } as unknown as KubeClient;
    const removed: string[] = [];
    const deps = { client, recordWrite: () => {}, recordRemoval: () => removed.push("removed") };
    const write = writeStatus(aServer(), { state: "running" }, deps, new AbortController().signal);
    await expect(write).rejects.toBe(unserved);
    expect(removed).toEqual([]);
  });
});
