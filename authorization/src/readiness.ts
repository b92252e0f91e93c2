import { request } from "node:http";
import { prefixOf } from "@amalthea/api";
import type { AuthorizationConfig, LoopbackAddress } from "./config.ts";
import { answerTo } from "./read-text.ts";

/** Below the kubelet's usual probe time limits, so that the answer is ours and not a cut connection. */
const TIMEOUT_MS = 2_000;

/** What people need: Jupyter, and a login. */
export type Readiness = { readonly jupyter: boolean; readonly login: boolean };

/**
 * Checks whether Jupyter responds, and whether oauth2-proxy has ever responded: it listens once it has reached the
 * provider. An outage of oauth2-proxy later on keeps nobody out who has a session, so a session, also one that an
 * earlier process has kept, is as good as an answer.
 */
export function readinessProbe(
  { jupyter, loginService, basePath }: AuthorizationConfig,
  hasSessions: () => boolean,
): () => Promise<Readiness> {
  let hasLoginAnswered = false;
  return async () => {
    hasLoginAnswered ||= hasSessions();
    const [status, answer] = await Promise.all([
      statusOf(jupyter, `${prefixOf(basePath)}/api`),
      hasLoginAnswered ? 200 : statusOf(loginService, "/ping"),
    ]);
    hasLoginAnswered ||= answer !== undefined;
    return { jupyter: status === 200, login: hasLoginAnswered };
  };
}

/**
 * Status of the answer; undefined without one. Jupyter's `<base path>/api` gives its version without login, counts as no
 * activity, and needs no token. Redirects are not followed, and the body is thrown away.
 */
async function statusOf(address: LoopbackAddress, path: string): Promise<number | undefined> {
  const asked = request({ ...address, path, agent: false, signal: AbortSignal.timeout(TIMEOUT_MS) });
  const response = await answerTo(asked).catch(() => undefined);
  response?.destroy();
  return response?.statusCode;
}
