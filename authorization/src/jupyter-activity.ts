import { Agent, request, type RequestOptions } from "node:http";
import { prefixOf, readKernels, readRequests, readTerminals, type ActivityReport } from "@amalthea/api";
import type { LoopbackAddress } from "./config.ts";
import { answerTo, readText } from "./read-text.ts";

/** Below the time that the controller waits. */
const TIMEOUT_MS = 4_000;
/** A hundred kernels take 30 kB. */
const MAX_BYTES = 1_000_000;

/** Jupyter's report of its use. */
export type JupyterActivity = Pick<ActivityReport, "kernels" | "terminals" | "requests">;

/**
 * Queries Jupyter's kernels, terminals and requests, in a way that it does not count as activity.
 *
 * @param now The wall clock, in milliseconds; Jupyter's own, for it runs on the same machine.
 * @returns Undefined if it does not respond, or not with all of them that its image has.
 */
export async function readJupyterActivity(
  jupyter: LoopbackAddress,
  basePath: string,
  now: () => number,
): Promise<JupyterActivity | undefined> {
  const api = `${prefixOf(basePath)}/api`;
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  // One connection for all three: each costs Jupyter as much as a tenth of a response.
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    const ask = async (path: string): Promise<Answer> =>
      await getJson({ ...jupyter, path: `${api}/${path}?no_track_activity=1`, agent, signal });
    const status = await ask("status");
    const requests = readRequests(status.body, now());
    const kernels = readKernels((await ask("kernels")).body, now());
    const answer = await ask("terminals");
    // Images may come without terminals, or without `api/status`.
    const terminals = answer.status === 404 ? { total: 0 } : readTerminals(answer.body, now(), requests);
    const isUnreadable = requests === undefined && status.status !== 404;
    if (isUnreadable || kernels === undefined || terminals === undefined) return undefined;
    return { kernels, terminals, ...(requests === undefined ? {} : { requests }) };
  } catch {
    return undefined;
  } finally {
    agent.destroy();
  }
}

/** The body as JSON; undefined unless the status is 200. */
type Answer = { readonly status: number; readonly body: unknown };

async function getJson(options: RequestOptions): Promise<Answer> {
  const response = await answerTo(request(options));
  const text = await readText(response, MAX_BYTES);
  return { status: response.statusCode ?? 0, body: response.statusCode === 200 ? JSON.parse(text) : undefined };
}
