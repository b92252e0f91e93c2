import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binaryPath, type ControlPlane, startControlPlane } from "@amalthea/cluster";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { eventually } from "./servers.ts";
import { type Rendered, renderChart } from "./world.ts";

let cluster: ControlPlane;
let folder: string;
let stop: () => Promise<void>;
const chart = renderChart(["scheduler.packing.enabled=true"]);

beforeAll(async () => {
  cluster = await startControlPlane();
  folder = mkdtempSync(join(tmpdir(), "amalthea-packing-"));
  for (const name of ["amalthea", "sessions"]) await cluster.kubectl(["create", "namespace", name]);
  await cluster.kubectl(["create", "serviceaccount", "default", "--namespace=sessions"]);
  const rights = chart.filter(({ kind, metadata }) => {
    const isOfScheduler = metadata.name.includes("packing");
    return isOfScheduler && ["ServiceAccount", "ClusterRoleBinding"].includes(kind);
  });
  await apply(rights);
  for (const name of ["a", "b", "c"]) await makeNode(name);
  stop = await startScheduler();
});

afterAll(async () => {
  await stop?.();
  await cluster?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function apply(items: readonly object[]): Promise<void> {
  const list = { apiVersion: "v1", kind: "List", items };
  await cluster.kubectl(["apply", "--server-side", "-f=-"], { stdin: JSON.stringify(list) });
}

async function makeNode(name: string): Promise<void> {
  const node = { apiVersion: "v1", kind: "Node", metadata: { name } };
  await apply([node]);
  const resources = { cpu: "4", memory: "8Gi", pods: "20" };
  const status = { capacity: resources, allocatable: resources, conditions: [{ type: "Ready", status: "True" }] };
  await cluster.kubectl(["patch", "node", name, "--subresource=status", "-p", JSON.stringify({ status })]);
  await cluster.kubectl(["patch", "node", name, "--type=merge", "-p", '{"spec":{"taints":[]}}']); // no kubelet lifts it
}

/** The scheduler of the chart's Deployment, outside of a pod: with its configuration, its arguments and its rights. */
async function startScheduler(): Promise<() => Promise<void>> {
  const { stdout: token } = await cluster.kubectl(["create", "token", "amalthea-packing", "--namespace=amalthea"]);
  const kubeconfig = cluster.kubeconfigFor(token.trim());
  const { data } = find("ConfigMap", "amalthea-packing") as Rendered & { readonly data: Record<string, string> };
  const config = join(folder, "config.yaml");
  const settings = parse(data["config.yaml"] ?? "") as object;
  writeFileSync(config, stringify({ ...settings, clientConnection: { kubeconfig } }));
  const port = "--secure-port=0";
  const child = spawn(binaryPath("kubernetes"), ["kube-scheduler", `--config=${config}`, port], { stdio: "pipe" });
  child.stderr.resume();
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  child.on("exit", () => resolve());
  return async () => {
    child.kill();
    await ended;
  };
}

function find(kind: string, name: string): Rendered | undefined {
  return chart.find((object) => object.kind === kind && object.metadata.name === name);
}

describe("scheduler.packing", () => {
  it("runs the kube-scheduler of the cluster's version with the configuration that is mounted", () => {
    const { containers = [] } = find("Deployment", "amalthea-packing")?.spec?.template?.spec ?? {};
    expect(containers[0]).toMatchObject({
      image: "registry.k8s.io/kube-scheduler:v1.35.0",
      command: ["kube-scheduler", "--config=/etc/kube-scheduler/config.yaml", "--secure-port=10259"],
    });
  });

  it("fills one node before the next", async () => {
    const pods = Array.from({ length: 6 }, (_, index) => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: `server-${index}`, namespace: "sessions" },
      spec: {
        schedulerName: "amalthea-scheduler",
        automountServiceAccountToken: false,
        containers: [{ name: "c", image: "none", resources: { requests: { cpu: "1", memory: "1Gi" } } }],
      },
    }));
    // One after the other, as servers come.
    for (const pod of pods) {
      await apply([pod]);
      await eventually(async () => expect(await nodeOf(pod.metadata.name)).not.toBe(""));
    }
    const nodes = await Promise.all(pods.map(({ metadata }) => nodeOf(metadata.name)));
    expect(new Set(nodes.slice(0, 4)).size).toBe(1);
    expect(new Set(nodes.slice(4)).size).toBe(1);
    expect(new Set(nodes).size).toBe(2);
  });
});

async function nodeOf(pod: string): Promise<string> {
  const path = "jsonpath={.spec.nodeName}";
  return (await cluster.kubectl(["get", "pod", pod, "--namespace=sessions", "-o", path])).stdout;
}
