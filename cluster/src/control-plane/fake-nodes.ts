import { join } from "node:path";
import { binaryPath, componentCommand } from "../build/build.ts";
import { ChildComponent } from "./child-component.ts";
import { freePort } from "./free-port.ts";
import { packageFolder } from "../locations.ts";
import { waitUntil } from "../wait.ts";

/** Where fake nodes are made, and how. */
export type FakeNodeSettings = {
  readonly folder: string;
  readonly kubeconfig: string;
  readonly kubectl: (args: readonly string[], options?: { readonly stdin?: string }) => Promise<{ stdout: string }>;
};

const startTimeoutSeconds = 60;

/** A scheduler, so that pods get to nodes. Nothing has to wait for it: pods do. */
async function schedulerOf({ folder, kubeconfig }: FakeNodeSettings): Promise<ChildComponent> {
  const port = await freePort();
  const command = [
    ...componentCommand("kube-scheduler"),
    ...[`--kubeconfig=${kubeconfig}`, "--leader-elect=false"],
    ...["--bind-address=127.0.0.1", `--secure-port=${port}`, `--cert-dir=${join(folder, "certificates")}`],
  ] as const;
  const logFile = join(folder, "kube-scheduler.log");
  return new ChildComponent("kube-scheduler", [...command], logFile, (scheduler) => {
    return Promise.resolve(scheduler.checkRunning());
  });
}

const nodeObject = (index: number): object => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name: `fake-${index}`, labels: { "kubernetes.io/hostname": `fake-${index}` } },
});

/** kwok, which simulates the kubelet of every node. It is ready when all nodes are. */
function kwokOf(settings: FakeNodeSettings, count: number): ChildComponent {
  const { folder, kubeconfig, kubectl } = settings;
  const nodes = Array.from({ length: count }, (_, index) => nodeObject(index));
  const command = [
    ...[binaryPath("kwok"), `--kubeconfig=${kubeconfig}`, `--config=${join(packageFolder, "fake-kubelet.yaml")}`],
    ...["--manage-all-nodes=true", "--node-lease-duration-seconds=40"], // the kubelet's default
  ] as const;
  return new ChildComponent("kwok", [...command], join(folder, "kwok.log"), async (kwok) => {
    await kubectl(["apply", "--server-side", "-f", "-"], {
      stdin: JSON.stringify({ apiVersion: "v1", kind: "List", items: nodes }),
    });
    const condition = '{.items[*].status.conditions[?(@.type=="Ready")].status}';
    const areReady = async (): Promise<boolean> => {
      kwok.checkRunning();
      const { stdout } = await kubectl(["get", "nodes", "-o", `jsonpath=${condition}`]);
      return stdout.split(" ").filter((status) => status === "True").length >= count;
    };
    const what = `${count} fake nodes to be Ready`;
    await waitUntil(areReady, { what, timeoutSeconds: startTimeoutSeconds, intervalMilliseconds: 300 });
  });
}

/**
 * The components that make pods run on nodes that do not exist: every pod becomes Ready at once and nothing is executed.
 * Each node takes 110 pods.
 */
export async function fakeNodes(settings: FakeNodeSettings, count: number): Promise<readonly ChildComponent[]> {
  return [await schedulerOf(settings), kwokOf(settings, count)];
}
