import { CONTAINERS, PORTS, prefixOf, routeOf, type ReasonWithValues } from "@amalthea/api";
import type { ContainerStatus, Probe } from "kubernetes-types/core/v1.js";
import type { Observed } from "../../live/observed.ts";
import { containerStatus, wasNeverReady, type LivePod } from "../../live/pod.ts";
import { startedWithOf } from "../../live/started-with.ts";
import { lastEnd } from "./container.ts";
import { lastProviderProblem } from "./login.ts";
import { failing, type Obstacle } from "./obstacle.ts";

/** The API server's defaults of a probe. */
const DEFAULTS = { periodSeconds: 10, failureThreshold: 3, initialDelaySeconds: 0 };

/** Exit codes of a container that the kubelet killed because of its probe: its own, or that of a signal. */
const KILLED_REASONS: readonly unknown[] = ["Completed", "Error"];

/**
 * Jupyter was killed because it had not answered where it is asked for as long as its startup probe lets it; that it is
 * started again, and how it ended, says less. Of a program that never started (`StartError`) or whose end nobody saw
 * (`Unknown`, after the node was down), the times are not those of a run: the epoch, or when the node was back.
 */
export function neverAnswered(observed: Observed, pod: LivePod): Obstacle | undefined {
  const status = containerStatus(pod, CONTAINERS.jupyter);
  const probe = pod.spec?.containers.find(({ name }) => name === CONTAINERS.jupyter)?.startupProbe;
  if (status === undefined || probe === undefined || !wasNeverReady(pod)) return undefined;
  return wasKilledBy(probe, status) ? failing(notAnswering(observed, pod)) : undefined;
}

function wasKilledBy(probe: Probe, status: ContainerStatus): boolean {
  const last = lastEnd(status);
  if (status.started === true || last === undefined || !KILLED_REASONS.includes(last.reason)) return false;
  if (typeof last.startedAt !== "string" || typeof last.finishedAt !== "string") return false;
  const { periodSeconds, failureThreshold, initialDelaySeconds } = { ...DEFAULTS, ...probe };
  const limitSeconds = initialDelaySeconds + periodSeconds * (failureThreshold - 1);
  return Date.parse(last.finishedAt) - Date.parse(last.startedAt) >= limitSeconds * 1000;
}

/**
 * Behind a login Jupyter has no probe, and the proxy is ready when Jupyter and oauth2-proxy have responded. So Jupyter
 * is not killed, and the grace period counts from the later start of the two: an oauth2-proxy that has not responded by
 * its end would have been restarted by its liveness probe. While another container does not run, that one may be what
 * it waits for.
 */
export function silentBehindProxy(observed: Observed, pod: LivePod): Obstacle | undefined {
  const proxy = containerStatus(pod, CONTAINERS.authProxy);
  const starts = [CONTAINERS.jupyter, CONTAINERS.oauth2Proxy]
    .map((name) => containerStatus(pod, name)?.state?.running?.startedAt)
    .filter((start) => typeof start === "string");
  const since = starts.toSorted().at(-1);
  const isWaiting = proxy?.ready === false && wasNeverReady(pod) && doAllRun(pod);
  if (!isWaiting || since === undefined) return undefined;
  const why: ReasonWithValues = { reason: "Starting", values: { detail: whatIsSilent(pod) } };
  return { kind: "Waiting", why, since: new Date(since), lasting: notAnswering(observed, pod) };
}

function whatIsSilent(pod: LivePod): string {
  const { issuer, cause } = lastProviderProblem(pod) ?? {};
  return issuer === undefined || cause === undefined
    ? `container ${CONTAINERS.jupyter} or ${CONTAINERS.oauth2Proxy} is running but does not respond yet`
    : `container ${CONTAINERS.oauth2Proxy} was restarted because it could not use the provider at ${issuer}: ${cause}`;
}

function doAllRun({ status }: LivePod): boolean {
  return status?.containerStatuses?.every(({ state }) => state?.running !== undefined) === true;
}

function notAnswering({ server }: Observed, pod: LivePod): ReasonWithValues {
  const route = startedWithOf(pod)?.route ?? routeOf(server);
  const path = `${prefixOf(route?.path ?? "/")}/api`;
  return { reason: "NotAnswering", values: { container: CONTAINERS.jupyter, port: PORTS.jupyter, path } };
}
