import { ApiError, type Kind, type KubeClient, kinds, type Live, type Patch } from "@amalthea/kube";
import { describe, expect, it } from "vitest";
import { changeChild } from "./change-child.ts";

const MANIFEST = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "alice", namespace: "sessions", labels: {} },
  spec: { ports: [{ name: "http", port: 80 }] },
} as const;

type Entry = { readonly manager: string; readonly operation: string; readonly subresource?: string };

const THEIRS: readonly Entry[] = [
  { manager: "amalthea", operation: "Apply" },
  { manager: "amalthea", operation: "Update", subresource: "scale" },
  { manager: "kubectl-edit", operation: "Update" },
];

/** An API server that has a Service to which an apply is invalid, until a patch took somebody's port out of it. */
class Server {
  #version = 1;
  #entries = THEIRS;
  #isInvalid = true;
  /** How many more times somebody else writes right before a JSON patch of ours. */
  rivals = 0;

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  readonly client = {
    apply: async () => {
      if (this.#isInvalid) throw new ApiError("apply Service", { code: 422, reason: "Invalid" });
      return this.#live();
    },
    find: async () => this.#live(),
    patch: async (_at: Kind, _ref: unknown, patch: Patch, { fieldManager = "amalthea" }: { fieldManager?: string }) => {
      if (patch.kind === "Json") return this.#patchJson(patch.operations as readonly Record<string, unknown>[]);
      this.#isInvalid = false;
      this.#entries = [
        ...this.#entries.slice(0, 1),
        { manager: fieldManager, operation: "Update" },
        ...THEIRS.slice(1),
      ];
      this.#version++;
      return this.#live();
    },
  } as unknown as KubeClient;

  #patchJson([test, remove]: readonly Record<string, unknown>[]): Live {
    if (this.rivals-- > 0) {
      this.#version++;
      this.#entries = [{ manager: "somebody", operation: "Update" }, ...this.#entries];
    }
    if (test?.["path"] !== "/metadata/resourceVersion" || test["value"] !== String(this.#version)) {
      throw new ApiError("patch Service", { code: 422, reason: "Invalid" });
    }
    const index = Number(/^\/metadata\/managedFields\/(\d+)$/.exec(String(remove?.["path"]))?.[1]);
    this.#entries = this.#entries.filter((_, at) => at !== index);
    this.#version++;
    return this.#live();
  }

  #live(): Live {
    const metadata = { ...MANIFEST.metadata, uid: "u", creationTimestamp: "2026-03-01T12:00:00Z" };
    const resourceVersion = String(this.#version);
    return { ...MANIFEST, metadata: { ...metadata, resourceVersion, managedFields: [...this.#entries] } };
  }
}

describe("changeChild", () => {
  it("leaves no trace of the patch that makes room for its lists, so that later applies can take fields away", async () => {
    const server = new Server();
    await changeChild(MANIFEST, kinds.Service, server.client, new AbortController().signal);
    expect(server.entries).toEqual(THEIRS);
  });

  it("looks again when somebody writes in between", async () => {
    const server = new Server();
    server.rivals = 2;
    await changeChild(MANIFEST, kinds.Service, server.client, new AbortController().signal);
    const rival = { manager: "somebody", operation: "Update" };
    expect(server.entries).toEqual([rival, rival, ...THEIRS]);
  });
});
