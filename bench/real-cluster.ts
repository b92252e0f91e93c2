import { type Cluster, openCluster } from "@amalthea/cluster";
import { createClient, type KubeClient, readKubeConfig } from "@amalthea/kube";
import { install, kubectl } from "../scripts/install.ts";
import { provideCluster } from "../scripts/provide-cluster.ts";
import { CONTROLLER_USER } from "../test/integration/controller/world.ts";
import { AuditLog } from "./audit-log.ts";

/** A cluster with a real kubelet and Amalthea on it, as `npm start` makes it. */
export type RealCluster = {
  readonly name: string;
  /** Where the ingress controller listens on this machine, without a slash at its end. */
  readonly ingressUrl: string;
  readonly admin: KubeClient;
  /** The controller's calls. */
  readonly log: AuditLog;
  /** A real JupyterLab, which the cluster can pull. */
  readonly jupyterImage: string;
  readonly identityProviderImage: string;
  readonly oauth2ProxyImage: string;
  /** Runs kubectl, as a user does, and returns what it printed. */
  readonly kubectl: (args: readonly string[], input?: object) => Promise<string>;
  /** Ends the cluster and removes its data. */
  readonly down: () => Promise<void>;
};

const NAME = "bench";

/** Starts a cluster of its own, beside any other one; it has to be taken down. */
export async function startRealCluster(signal: AbortSignal): Promise<RealCluster> {
  const target = await provideCluster({ name: NAME }, signal);
  try {
    const { jupyterImage, identityProviderImage, oauth2ProxyImage } = await install(target, signal);
    const admin = createClient({ config: await readKubeConfig(target.kubeconfig), userAgent: "bench/1" });
    const cluster: Cluster = openCluster(NAME);
    return {
      ...{ name: NAME, ingressUrl: target.ingressUrl },
      admin,
      log: new AuditLog(cluster.auditLogPath, CONTROLLER_USER),
      ...{ jupyterImage, identityProviderImage, oauth2ProxyImage },
      kubectl: (args, input) => kubectl(target, args, signal, input === undefined ? "" : JSON.stringify(input)),
      down: async () => {
        await admin.close();
        await target.release();
      },
    };
  } catch (error) {
    await target.release();
    throw error;
  }
}
