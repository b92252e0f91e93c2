import { type Clock, type KubeClient, type Logger } from "@amalthea/kube";

/** Between two questions to an API server that did not answer. */
const FIRST_WAIT_MS = 1_000;
const LAST_WAIT_MS = 30_000;

/**
 * Asks until the API server answers, which may be away when a node starts, or refuse us for as long as our account is not
 * there: waiting costs nothing, while a process that ends is started ever later.
 *
 * @throws the signal's reason.
 */
export async function untilAnswered<R>(
  ask: () => Promise<R>,
  { client, clock, logger }: { readonly client: KubeClient; readonly clock: Clock; readonly logger: Logger },
  signal: AbortSignal,
): Promise<R> {
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(LAST_WAIT_MS, 2 * waitMs)) {
    try {
      await client.getText("/version", signal);
      return await ask();
    } catch (err) {
      signal.throwIfAborted();
      logger.warn({ err, retryInMs: waitMs }, "the API server does not answer; waiting");
      await clock.sleep(waitMs, signal);
    }
  }
}
