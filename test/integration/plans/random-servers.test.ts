import { jupyterServerCrd, type JupyterServer } from "@amalthea/api";
import { type ControlPlane, startControlPlane } from "@amalthea/cluster";
import { ApiError, createClient, type KubeClient, readKubeConfig, systemClock } from "@amalthea/kube";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ApplyHistory } from "../../../controller/src/apply/apply-history.ts";
import { applyPlan } from "../../../controller/src/apply/apply-plan.ts";
import { decide } from "../../../controller/src/decide/decide.ts";
import { anObserved, someSettings } from "../../../controller/src/decide/testing.ts";
import { findKind, SERVER_KIND } from "../../../controller/src/kinds.ts";
import { installCrd } from "../api/resource.ts";
import { randomSpecs, type SchemaNode } from "./random-servers.ts";

/** `bench/` asks for more. */
const RUNS = Number(process.env["AMALTHEA_FUZZ_RUNS"] ?? "500");

const forever = new AbortController().signal;
const namespace = "default";

let cluster: ControlPlane;
let client: KubeClient;

beforeAll(async () => {
  cluster = await startControlPlane();
  client = createClient({ config: await readKubeConfig(cluster.kubeconfig), userAgent: "test/1" });
  await installCrd(cluster, jupyterServerCrd);
  await client.create(SERVER_KIND, manifestOf("status", { routing: { host: "a" } }), {}, forever);
});

afterAll(async () => {
  await client?.close();
  await cluster?.stop();
});

function manifestOf(name: string, spec: unknown): object {
  const { apiVersion, kind } = SERVER_KIND;
  return { apiVersion, kind, metadata: { namespace, name }, spec };
}

/** The server as the API server admits and completes it; undefined if it refuses it. Nothing is stored. */
async function admitted(spec: unknown): Promise<JupyterServer | undefined> {
  try {
    const created = await client.create(SERVER_KIND, manifestOf("alice", spec), { dryRun: true }, forever);
    return created as unknown as JupyterServer; // the schema has checked it
  } catch (error) {
    if (error instanceof ApiError && (error.code === 422 || error.code === 400)) return undefined;
    throw error;
  }
}

/** A client whose writes are checked by the API server and not stored. */
function withoutTraces(): KubeClient {
  return {
    ...client,
    find: () => Promise.resolve(undefined),
    create: (kind, manifest, write, signal) => client.create(kind, manifest, { ...write, dryRun: true }, signal),
    apply: (kind, manifest, write, signal) => client.apply(kind, manifest, { ...write, dryRun: true }, signal),
    patch: (kind, ref, patch, write, signal) => client.patch(kind, ref, patch, { ...write, dryRun: true }, signal),
  };
}

/** Decides and writes as a first pass does. @throws what would be tried again for ever. */
async function firstPass(server: JupyterServer): Promise<{ readonly applied: number; readonly isStalled: boolean }> {
  const observed = anObserved({ server });
  const now = new Date();
  const { plan } = decide(observed, someSettings(), now);
  const deps = {
    client: withoutTraces(),
    clock: systemClock,
    findKind: (name: { readonly apiVersion: string; readonly kind: string }) => findKind(name, []),
    liveVersion: () => undefined,
    history: new ApplyHistory(),
    record: () => undefined,
  };
  // What the server's own metadata gets is no child, and the server is not there.
  const children = plan.filter(({ kind }) => kind !== "PatchMetadata");
  const results = await applyPlan(children, { secretExpected: false }, deps, forever);
  const failures = results.flatMap((result) => (result.kind === "Refused" ? [result.failure] : []));
  const { status } = decide({ ...observed, failures }, someSettings(), now);
  const ref = { namespace, name: "status" };
  const options = { subresource: "status", dryRun: true } as const;
  await client.patch(SERVER_KIND, ref, { kind: "Merge", body: { status } }, options, forever);
  const isStalled = status.conditions?.some(({ type }) => type === "Stalled") === true;
  expect(isStalled || failures.length === 0, JSON.stringify(failures)).toBe(true);
  return { applied: results.length - failures.length, isStalled };
}

describe("any server that the definition admits", () => {
  it("gets children that the API server accepts, or a status that says why not", async () => {
    const schema = jupyterServerCrd.spec.versions[0]?.schema.openAPIV3Schema as SchemaNode;
    const counts = { refused: 0, stalled: 0, whole: 0 };
    const property = fc.asyncProperty(randomSpecs(schema.properties?.["spec"] ?? {}), async (spec) => {
      const server = await admitted(spec);
      if (server === undefined) return void counts.refused++;
      const { applied, isStalled } = await firstPass(server);
      expect(isStalled || applied >= 5).toBe(true); // without volume and Ingress
      counts[isStalled ? "stalled" : "whole"]++;
    });
    await fc.assert(property, { numRuns: RUNS });
    // A generator whose servers are all refused, or all broken, would prove nothing.
    expect(counts.whole, JSON.stringify(counts)).toBeGreaterThan(RUNS / 20);
    expect(counts.stalled, JSON.stringify(counts)).toBeGreaterThan(RUNS / 20);
  }, 600_000);
});
