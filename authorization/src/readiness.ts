import { request } from "node:http";
import { prefixOf } from "@amalthea/api";
import type { LoopbackAddress } from "./config.ts";
import { answerTo } from "./read-text.ts";

/** Below the kubelet's usual probe time limits, so that the answer is ours and not a cut connection. */
const TIMEOUT_MS = 2_000;

/**
 * Whether Jupyter answers. `<base path>/api` gives its version without login, counts as no activity, and needs no token.
 * Redirects are not followed, and the body is thrown away.
 */
export async function isJupyterReady(jupyter: LoopbackAddress, basePath: string): Promise<boolean> {
  const path = `${prefixOf(basePath)}/api`;
  const asked = request({ ...jupyter, path, agent: false, signal: AbortSignal.timeout(TIMEOUT_MS) });
  const response = await answerTo(asked).catch(() => undefined);
  response?.destroy();
  return response?.statusCode === 200;
}
