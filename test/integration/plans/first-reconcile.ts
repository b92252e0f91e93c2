import { jupyterServerCrd, type JupyterServer } from "@amalthea/api";
import { startControlPlane } from "@amalthea/cluster";
import { ApiError, createClient, type KubeClient, readKubeConfig, systemClock } from "@amalthea/kube";
import type fc from "fast-check";
import { ApplyHistory } from "../../../controller/src/apply/apply-history.ts";
import { applyPlan } from "../../../controller/src/apply/apply-plan.ts";
import { decide } from "../../../controller/src/decide/decide.ts";
import { anObserved, someSettings } from "../../../controller/src/decide/testing/builders.ts";
import { findKind, SERVER_KIND } from "../../../controller/src/kinds.ts";
import { installCrd } from "../api/resource.ts";
import { randomSpecs, type SchemaNode } from "./random-servers.ts";

/** The result of the first reconcile of a server. */
export type FirstReconcile =
  /** The CRD rejects it. */
  | { readonly kind: "Refused" }
  /** The API server accepts all its children. */
  | { readonly kind: "Whole"; readonly children: number }
  /** Its status says why it cannot go on. */
  | { readonly kind: "Stalled"; readonly children: number; readonly reason: string };

/** An API server that checks what the controller would do with any server. */
export type FirstReconciles = {
  /** Specs that follow the schema of the CRD. */
  readonly specs: fc.Arbitrary<unknown>;
  /** @throws Error where the controller would fail, or say nothing about a child that was refused. */
  readonly of: (spec: unknown) => Promise<FirstReconcile>;
  readonly stop: () => Promise<void>;
};

const NAMESPACE = "default";

/** Whose status is written: the servers that are tried are not stored. */
const STORED = { namespace: NAMESPACE, name: "status" } as const;

/** Children of a server without volume and Ingress. */
const FEWEST_CHILDREN = 5;

const forever = new AbortController().signal;

/** Starts an API server with the CRD; the servers that it is asked about are not stored. */
export async function startFirstReconciles(): Promise<FirstReconciles> {
  const cluster = await startControlPlane();
  const client = createClient({ config: await readKubeConfig(cluster.kubeconfig), userAgent: "test/1" });
  await installCrd(cluster, jupyterServerCrd);
  await client.create(SERVER_KIND, manifestOf(STORED.name, { routing: { host: "a" } }), {}, forever);
  const schema = jupyterServerCrd.spec.versions[0]?.schema.openAPIV3Schema as SchemaNode;
  return {
    specs: randomSpecs(schema.properties?.["spec"] ?? {}),
    of: async (spec) => {
      const server = await admitted(client, spec);
      return server === undefined ? { kind: "Refused" } : await firstReconcile(client, server);
    },
    stop: async () => {
      await client.close();
      await cluster.stop();
    },
  };
}

function manifestOf(name: string, spec: unknown): object {
  const { apiVersion, kind } = SERVER_KIND;
  return { apiVersion, kind, metadata: { namespace: NAMESPACE, name }, spec };
}

/** The server as the API server admits and completes it; undefined if it refuses it. */
async function admitted(client: KubeClient, spec: unknown): Promise<JupyterServer | undefined> {
  try {
    const created = await client.create(SERVER_KIND, manifestOf("alice", spec), { dryRun: true }, forever);
    return created as unknown as JupyterServer; // the schema has checked it
  } catch (error) {
    if (error instanceof ApiError && (error.code === 422 || error.code === 400)) return undefined;
    throw error;
  }
}

/** A client whose writes are checked by the API server and not stored. */
function withoutTraces(client: KubeClient): KubeClient {
  return {
    ...client,
    find: () => Promise.resolve(undefined),
    findMetadata: () => Promise.resolve(undefined),
    create: (kind, manifest, write, signal) => client.create(kind, manifest, { ...write, dryRun: true }, signal),
    apply: (kind, manifest, write, signal) => client.apply(kind, manifest, { ...write, dryRun: true }, signal),
    patch: (kind, ref, patch, write, signal) => client.patch(kind, ref, patch, { ...write, dryRun: true }, signal),
  };
}

/** Decides and writes as a first reconcile does. */
async function firstReconcile(client: KubeClient, server: JupyterServer): Promise<FirstReconcile> {
  const observed = anObserved({ server });
  const now = new Date();
  const { plan } = decide(observed, someSettings(), now);
  const deps = {
    client: withoutTraces(client),
    clock: systemClock,
    findKind: (name: { readonly apiVersion: string; readonly kind: string }) => findKind(name, []),
    liveVersion: () => undefined,
    history: new ApplyHistory(),
    record: () => undefined,
  };
  // What the server's own metadata gets is no child, and the server is not there.
  const writes = plan.filter(({ kind }) => kind !== "PatchMetadata");
  const results = await applyPlan(writes, { secretExpected: false }, deps, forever);
  const failures = results.flatMap((result) => (result.kind === "Refused" ? [result.failure] : []));
  const { status } = decide({ ...observed, failures }, someSettings(), now);
  const options = { subresource: "status", dryRun: true } as const;
  await client.patch(SERVER_KIND, STORED, { kind: "Merge", body: { status } }, options, forever);
  const children = results.length - failures.length;
  const stalled = status.conditions?.find(({ type }) => type === "Stalled");
  if (stalled !== undefined) return { kind: "Stalled", children, reason: stalled.reason };
  if (failures.length > 0) throw new Error(`the status says nothing of ${JSON.stringify(failures)}`);
  if (children < FEWEST_CHILDREN) throw new Error(`the status says nothing of why there are ${children} children`);
  return { kind: "Whole", children };
}
