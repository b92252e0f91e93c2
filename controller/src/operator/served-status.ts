import { API_VERSION, PLURAL } from "@amalthea/api";
import { type Clock, isNotFound, type KubeClient, type Logger } from "@amalthea/kube";

/** Between two questions: whoever corrects the CRD sees the controller start. */
const WAIT_MS = 5_000;

const SENTENCE =
  "the CustomResourceDefinition of JupyterServers is that of 0.24, which has no status subresource: upgrade the release " +
  "with deployCrd=true, or apply the CRD of this version; waiting";

/**
 * Waits until the API server serves `jupyterservers/status`. 0.24's CRD has no such subresource: with it, no status could
 * be written, and every answer would look as if the server was gone. A CRD that is missing altogether is left to the watches.
 *
 * @throws the signal's reason; ApiError, ConnectionError if discovery fails.
 */
export async function untilStatusIsServed(
  { client, clock, logger }: { readonly client: KubeClient; readonly clock: Clock; readonly logger: Logger },
  signal: AbortSignal,
): Promise<void> {
  while (!(await isStatusServed(client, signal))) {
    logger.error({}, SENTENCE);
    await clock.sleep(WAIT_MS, signal);
  }
}

async function isStatusServed(client: KubeClient, signal: AbortSignal): Promise<boolean> {
  try {
    const text = await client.getText(`/apis/${API_VERSION}`, signal);
    const { resources = [] } = JSON.parse(text) as { resources?: readonly { readonly name: string }[] };
    const names = resources.map(({ name }) => name);
    return !names.includes(PLURAL) || names.includes(`${PLURAL}/status`);
  } catch (error) {
    if (isNotFound(error)) return true;
    throw error;
  }
}
