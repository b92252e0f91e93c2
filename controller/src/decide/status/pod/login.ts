import { CONTAINERS, type ReasonWithValues } from "@amalthea/api";
import type { ContainerStatus, Pod } from "kubernetes-types/core/v1.js";
import { containerStatus, wasNeverReady, type LivePod } from "../../live/pod.ts";
import { detail } from "../text.ts";
import { lastEnd, obstacleOf, type RestartLimits } from "./container.ts";
import { failing, type Obstacle } from "./obstacle.ts";

/** With it oauth2-proxy exits when it cannot start. */
const FATAL = 1;

/**
 * Its liveness probe ended it while it waited for the provider: before it listens, it has no handler for SIGTERM. A
 * panic, whose stack its last words are, has the same exit code.
 */
const TERMINATED = 2;

type ProviderProblem = Extract<ReasonWithValues, { reason: "ProviderUnusable" }>["values"];

const ISSUER_FLAG = "--oidc-issuer-url=";

/**
 * What oauth2-proxy says last when it cannot read the provider's configuration, and what that means. Nothing else of its
 * log is told: it may hold what is secret.
 */
const CAUSES: readonly { readonly says: RegExp; readonly means: (found: string) => string }[] = [
  {
    says: /issuer returned by provider, expected \S+ got \\*"([^"\\\s]{1,500})/,
    means: (issuer) => `its issuer is ${issuer}, and the two must be identical`,
  },
  { says: /: no such host/, means: () => "there is no such host" },
  { says: /: lookup /, means: () => "its name cannot be resolved" },
  { says: /connect: connection refused/, means: () => "the connection is refused" },
  { says: /: (no route to host|network is unreachable)/, means: () => "there is no route to it" },
  { says: /: EOF|connection reset by peer|broken pipe/, means: () => "it closes the connection" },
  { says: /HTTP response to HTTPS client/, means: () => "it does not use TLS" },
  { says: /x509: /, means: () => "its certificate is not trusted" },
  {
    says: /discover OIDC configuration: unexpected status \\*"(\d{3})/,
    means: (status) => `where its configuration should be, it responds with ${status}`,
  },
  { says: /deadline exceeded|i\/o timeout|Client\.Timeout|TLS handshake timeout/, means: () => "it does not respond" },
];

/**
 * Why an oauth2-proxy keeps terminating: the provider. Without a probe of its own it counts as ready while it tries, so
 * this is checked even when no container meets an obstacle.
 */
export function withProvider(
  pod: LivePod,
  limits: RestartLimits,
  obstacle: Obstacle | undefined,
): Obstacle | undefined {
  const isAboutLogin = obstacle?.why.reason === "CrashLoop" && obstacle.why.values.container === CONTAINERS.oauth2Proxy;
  // In a pod that was ready before, an oauth2-proxy that runs has long found its provider.
  const isTrying = obstacle === undefined && wasNeverReady(pod);
  return isTrying || isAboutLogin ? (unusableProvider(pod, limits) ?? obstacle) : obstacle;
}

function unusableProvider(pod: Pod, { containerRestartLimit }: RestartLimits): Obstacle | undefined {
  const status = containerStatus(pod, CONTAINERS.oauth2Proxy);
  const values = lastProviderProblem(pod);
  if (status === undefined || values === undefined) return undefined;
  const found = obstacleOf({ ...status, ready: false }, containerRestartLimit);
  return found?.why.reason === "CrashLoop" ? failing({ reason: "ProviderUnusable", values }) : undefined;
}

/** What oauth2-proxy had against the provider when it ended last; undefined if it did not end before it listened. */
export function lastProviderProblem(pod: Pod): ProviderProblem | undefined {
  const status = containerStatus(pod, CONTAINERS.oauth2Proxy);
  const issuer = issuerOf(pod);
  if (status === undefined || issuer === undefined || !isBeforeItListens(status)) return undefined;
  const { name = "", namespace = "" } = pod.metadata ?? {};
  return { issuer, cause: causeIn(status), pod: name, namespace };
}

function isBeforeItListens(status: ContainerStatus): boolean {
  const { exitCode, message = "" } = lastEnd(status) ?? {};
  return exitCode === FATAL || (exitCode === TERMINATED && !/^goroutine \d/m.test(message));
}

/** The provider that oauth2-proxy asks when it starts; undefined if it asks none. */
function issuerOf(pod: Pod): string | undefined {
  const args = pod.spec?.containers.find(({ name }) => name === CONTAINERS.oauth2Proxy)?.args ?? [];
  if (args.some((arg) => /^--skip-oidc-discovery(=true)?$/.test(arg))) return undefined;
  const given = args.findLast((arg) => arg.startsWith(ISSUER_FLAG));
  return given === undefined ? undefined : detail(given.slice(ISSUER_FLAG.length));
}

function causeIn(status: ContainerStatus): string | undefined {
  const { message = "", exitCode } = lastEnd(status) ?? {};
  if (exitCode === TERMINATED) return "it does not respond";
  const [cause] = CAUSES.flatMap(({ says, means }) => {
    const found = says.exec(message);
    return found === null ? [] : [means(detail(found[1] ?? ""))];
  });
  return cause;
}
