import { request, type IncomingMessage } from "node:http";
import { prefixOf, readKernels, readTerminals, type ActivityReport } from "@amalthea/api";
import type { LoopbackAddress } from "./config.ts";
import { readText } from "./read-text.ts";

/** Below the time that the controller waits. */
const TIMEOUT_MS = 4_000;
/** A hundred kernels take 30 kB. */
const MAX_BYTES = 1_000_000;

/** What Jupyter tells of its use. */
export type JupyterActivity = Pick<ActivityReport, "kernels" | "terminals">;

/**
 * Asks Jupyter for its kernels and terminals, in a way that it does not count as activity.
 *
 * @param now The wall clock, in milliseconds; Jupyter's own, for it runs on the same machine.
 * @returns Undefined if it does not answer, or not with kernels and terminals.
 */
export async function readJupyterActivity(
  jupyter: LoopbackAddress,
  basePath: string,
  now: () => number,
): Promise<JupyterActivity | undefined> {
  const api = `${prefixOf(basePath)}/api`;
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const kernels = await getJson(jupyter, `${api}/kernels?no_track_activity=1`, signal);
    const terminals = await getJson(jupyter, `${api}/terminals?no_track_activity=1`, signal);
    const foundKernels = kernels.status === 200 ? readKernels(kernels.body, now()) : undefined;
    // Images may come without terminals.
    const foundTerminals = terminals.status === 404 ? { total: 0 } : readTerminals(terminals.body, now());
    if (foundKernels === undefined || foundTerminals === undefined) return undefined;
    return { kernels: foundKernels, terminals: foundTerminals };
  } catch {
    return undefined;
  }
}

async function getJson(
  jupyter: LoopbackAddress,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const asked = request({ ...jupyter, path, agent: false, signal }, resolve);
  asked.on("error", reject);
  asked.end();
  const response = await promise;
  const text = await readText(response, MAX_BYTES);
  return { status: response.statusCode ?? 0, body: response.statusCode === 200 ? JSON.parse(text) : undefined };
}
