import { PORTS } from "@amalthea/api";
import type { Probe } from "kubernetes-types/core/v1.js";

/** Paths of the proxy's probe entry point that lead to the services behind it, which listen on loopback only. */
export const LIVENESS_PATHS = { login: "/alive/login", authorization: "/alive/authorization" } as const;

/** Grace period of a hanging process, which does not react to SIGTERM. */
const GRACE_SECONDS = 1;

const PERIOD_SECONDS = 5;

/** The proxy is restarted after 20 to 25 seconds without a response. */
export const PROXY_LIVENESS: Probe = probe("/ping", 4);

/**
 * A service behind the proxy is restarted after 35 to 40 seconds without a response: later than the proxy, which
 * they are probed through, so that it is back before they would be restarted for nothing.
 */
export function livenessThroughProxy(path: string): Probe {
  return probe(path, 7);
}

function probe(path: string, failureThreshold: number): Probe {
  return {
    httpGet: { path, port: PORTS.probe },
    periodSeconds: PERIOD_SECONDS,
    timeoutSeconds: PERIOD_SECONDS,
    failureThreshold,
    terminationGracePeriodSeconds: GRACE_SECONDS,
  };
}
