import { API_VERSION, PLURAL } from "@amalthea/api";
import { type Clock, isNotFound, type KubeClient, type Logger } from "@amalthea/kube";

/** Between two requests to an API server that did not respond. */
const FIRST_WAIT_MS = 1_000;
const LAST_WAIT_MS = 30_000;

type Asking = { readonly client: KubeClient; readonly clock: Clock; readonly logger: Logger };

/**
 * Waits until the API server responds, which may be down when a node starts, or refuse us until our service account
 * exists: waiting is cheap, while a process that exits is restarted with growing back-off.
 *
 * @throws the signal's reason.
 */
export async function untilAnswered<R>(
  ask: () => Promise<R>,
  { client, clock, logger }: Asking,
  signal: AbortSignal,
): Promise<R> {
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(LAST_WAIT_MS, 2 * waitMs)) {
    try {
      await client.getText("/version", signal);
      return await ask();
    } catch (err) {
      signal.throwIfAborted();
      logger.warn({ err, retryInMs: waitMs }, "the API server does not respond; waiting");
      await clock.sleep(waitMs, signal);
    }
  }
}

/** Between two checks: soon after the CRD is corrected, the controller starts. */
const CRD_WAIT_MS = 5_000;

const NO_STATUS =
  "the CustomResourceDefinition of JupyterServers is that of 0.24, which has no status subresource: upgrade the release " +
  "with deployCrd=true, or apply the CRD of this version; waiting";

/**
 * Waits until the API server serves `jupyterservers/status`. 0.24's CRD has no such subresource: with it, no status
 * could be written, and every response would look as if the server was gone. A CRD that is missing altogether is left
 * to the watches.
 *
 * @throws the signal's reason; ApiError, ConnectionError if discovery fails.
 */
export async function untilStatusIsServed({ client, clock, logger }: Asking, signal: AbortSignal): Promise<void> {
  while (!(await isStatusServed(client, signal))) {
    logger.error({}, NO_STATUS);
    await clock.sleep(CRD_WAIT_MS, signal);
  }
}

async function isStatusServed(client: KubeClient, signal: AbortSignal): Promise<boolean> {
  try {
    const names = await resourcesAt(`/apis/${API_VERSION}`, client, signal);
    return !names.includes(PLURAL) || names.includes(`${PLURAL}/status`);
  } catch (error) {
    if (isNotFound(error)) return true;
    throw error;
  }
}

const NO_RESIZE =
  "this Kubernetes cannot resize running pods (1.33 and newer can): changed CPU and memory reach a server at its next start";

/**
 * Logs which optional features an older API server lacks; each server that needs one says so in its status, too. If
 * discovery fails, the start does not wait for it.
 */
export async function reportOlderCluster(
  { client, logger }: Pick<Asking, "client" | "logger">,
  signal: AbortSignal,
): Promise<void> {
  try {
    if (!(await resourcesAt("/api/v1", client, signal)).includes("pods/resize")) logger.info({}, NO_RESIZE);
  } catch (err) {
    signal.throwIfAborted();
    logger.debug({ err }, "cannot discover the API server's resources");
  }
}

/** Names of the resources of an API version. */
async function resourcesAt(path: string, client: KubeClient, signal: AbortSignal): Promise<readonly string[]> {
  const { resources = [] } = JSON.parse(await client.getText(path, signal)) as {
    resources?: readonly { readonly name: string }[];
  };
  return resources.map(({ name }) => name);
}
