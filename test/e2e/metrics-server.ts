import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binaryPath, freePort } from "@amalthea/cluster";
import { cluster, kubectl } from "./cluster.ts";

/**
 * Path of metrics-server; undefined in a cluster that is not ours, and where nobody has built it: its first build takes
 * minutes, so only those who ask have it (`npm run cluster build -- --with metrics-server`).
 */
export const metricsServerPath: string | undefined = cluster.context === undefined ? builtPath() : undefined;

function builtPath(): string | undefined {
  try {
    return binaryPath("metrics-server");
  } catch {
    return undefined;
  }
}

const API_SERVICE = "v1beta1.metrics.k8s.io";
const SERVICE = { namespace: "kube-system", name: "metrics-server" } as const;

/** A metrics-server beside the node, as that of the cluster. It ends with this process at the latest. */
export class MetricsServer {
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(child: ChildProcess, folder: string) {
    this.#child = child;
    this.#folder = folder;
  }

  /** Starts it, and returns when the API server finds it. */
  static async start(program: string): Promise<MetricsServer> {
    const folder = mkdtempSync(join(tmpdir(), "amalthea-metrics-server-"));
    const [node, port] = [await nodeAddress(), await freePort()];
    const address = await ownAddressTowards(node);
    const authority = join(folder, "ca.crt");
    writeFileSync(
      authority,
      await kubectl(["config", "view", "--raw", "--flatten", "-o", CA_OF_CLUSTER]).then(decoded),
    );
    const child = spawn(
      program,
      [
        ...["kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"].map(
          (flag) => `--${flag}=${cluster.kubeconfig}`,
        ),
        ...[`--secure-port=${port}`, `--bind-address=${address}`, `--cert-dir=${folder}`],
        ...[`--kubelet-certificate-authority=${authority}`, "--kubelet-preferred-address-types=InternalIP"],
        ...["--metric-resolution=10s", "--kubelet-request-timeout=5s"], // the latter has to be the shorter one
      ],
      { stdio: "ignore" },
    );
    const server = new MetricsServer(child, folder);
    try {
      for (const object of objectsFor(address, port)) await kubectl(["apply", "-f", "-"], JSON.stringify(object));
      const ended = once(child, "exit").then(() => {
        throw new Error(`${program} ended by itself`);
      });
      const found = kubectl(["wait", `apiservice/${API_SERVICE}`, "--for=condition=Available", "--timeout=90s"]);
      await Promise.race([found, ended]);
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** An API that nobody serves would keep namespaces from being deleted. */
  async stop(): Promise<void> {
    const { name, namespace } = SERVICE;
    await kubectl(["delete", "apiservice", API_SERVICE, "--ignore-not-found"]);
    await kubectl(["delete", "service,endpointslice", name, "-n", namespace, "--ignore-not-found"]);
    if (this.#child.exitCode === null && this.#child.kill()) await once(this.#child, "exit");
    rmSync(this.#folder, { recursive: true });
  }
}

const CA_OF_CLUSTER = "jsonpath={.clusters[0].cluster.certificate-authority-data}";
const decoded = (text: string): string => Buffer.from(text, "base64").toString("utf8");

/** Address of the first node. */
export async function nodeAddress(): Promise<string> {
  return await kubectl([
    "get",
    "nodes",
    "-o",
    "jsonpath={.items[0].status.addresses[?(@.type=='InternalIP')].address}",
  ]);
}

/** The address of this machine that a node sees. */
async function ownAddressTowards(address: string): Promise<string> {
  const socket = createSocket("udp4");
  socket.connect(9, address); // nothing is sent
  await once(socket, "connect");
  const own = socket.address().address;
  socket.close();
  return own;
}

function objectsFor(address: string, port: number): readonly object[] {
  const ports = [{ name: "https", port: 443, protocol: "TCP", targetPort: port }];
  return [
    { apiVersion: "v1", kind: "Service", metadata: SERVICE, spec: { ports } },
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { ...SERVICE, labels: { "kubernetes.io/service-name": SERVICE.name } },
      addressType: "IPv4",
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
      ports: [{ name: "https", port, protocol: "TCP" }],
    },
    {
      apiVersion: "apiregistration.k8s.io/v1",
      kind: "APIService",
      metadata: { name: API_SERVICE },
      spec: {
        ...{ group: "metrics.k8s.io", version: "v1beta1", service: SERVICE },
        ...{ insecureSkipTLSVerify: true, groupPriorityMinimum: 100, versionPriority: 100 },
      },
    },
  ];
}
