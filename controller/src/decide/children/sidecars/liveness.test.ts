import type { Probe } from "kubernetes-types/core/v1.js";
import { describe, expect, it } from "vitest";
import { LIVENESS_PATHS, livenessThroughProxy, PROXY_LIVENESS } from "./liveness.ts";

/** Enough for a container to be started again. */
const RESTART_SECONDS = 5;

function silence({ failureThreshold = 3, periodSeconds = 10 }: Probe): number {
  return failureThreshold * periodSeconds;
}

describe("liveness", () => {
  it("restarts a proxy that hangs before the services, which cannot be asked meanwhile, count as hanging", () => {
    // A probe may have succeeded just before the proxy hung, or be due at that moment.
    const proxyIsBack = silence(PROXY_LIVENESS) + (PROXY_LIVENESS.periodSeconds ?? 0) + RESTART_SECONDS;
    expect(silence(livenessThroughProxy(LIVENESS_PATHS.login))).toBeGreaterThan(proxyIsBack);
  });
});
