import { type KubeClient, type Logger } from "@amalthea/kube";

/**
 * Says in the log what servers lack on an API server that is older than a feature that is used where it is there; each
 * server that misses it says so in its status, too. Whether it can be asked is no reason to wait.
 */
export async function reportOlderCluster(
  { client, logger }: { readonly client: KubeClient; readonly logger: Logger },
  signal: AbortSignal,
): Promise<void> {
  try {
    const text = await client.getText("/api/v1", signal);
    const { resources = [] } = JSON.parse(text) as { resources?: readonly { readonly name: string }[] };
    if (!resources.some(({ name }) => name === "pods/resize")) logger.info({}, NO_RESIZE);
  } catch (err) {
    signal.throwIfAborted();
    logger.debug({ err }, "the API server does not say which resources it has");
  }
}

const NO_RESIZE =
  "this Kubernetes cannot resize running pods (1.33 and newer can): changed CPU and memory reach a server at its next start";
