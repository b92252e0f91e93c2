import type { Watched } from "../observe/caches.ts";
import type { Answer } from "./http-server.ts";

/** The health of one watched kind. */
type WatchedKind = Pick<Watched, "isConnected" | "silentMs">;

/** What the health of this process depends on. */
export type HealthSources = {
  /** Undefined until the API server has answered for the first time. */
  readonly caches: () => { readonly incomplete: readonly string[]; readonly all: readonly WatchedKind[] } | undefined;
  /** Milliseconds since the lease was last renewed; undefined if this process does not hold it, or needs none. */
  readonly renewalAgeMs: () => number | undefined;
  readonly isStopping: () => boolean;
};

/** An open watch that is silent for this long is broken without noticing it. */
const SILENCE_LIMIT_MS = 600_000;
/** Longer than a restart of the API server takes: no watch has been open for this time. */
const UNREACHABLE_MS = 30_000;
/** A leader that neither renewed nor ended because of it: lease duration and five seconds. */
const RENEWAL_LIMIT_MS = 20_000;

/**
 * Liveness. A response at all shows that the event loop works. An unreachable API server is no reason to restart: a new
 * process could not reach it either.
 */
export function liveness(sources: HealthSources): Answer {
  const problems: string[] = [];
  const watches = sources.caches()?.all ?? [];
  if (watches.some((watch) => watch.isConnected() && watch.silentMs() > SILENCE_LIMIT_MS)) {
    problems.push("a watch has been silent for too long");
  }
  const renewalAgeMs = sources.renewalAgeMs();
  if (renewalAgeMs !== undefined && renewalAgeMs > RENEWAL_LIMIT_MS) problems.push("the lease was not renewed");
  return answer(problems);
}

/** Readiness: the caches are synced, the API server responds, and the process is not about to stop. */
export function readiness(sources: HealthSources): Answer {
  const problems: string[] = [];
  const caches = sources.caches();
  if (caches === undefined || isUnreachable(caches.all)) problems.push("the API server does not respond");
  if (caches === undefined || caches.incomplete.length > 0) {
    problems.push(`the caches are not synced yet: ${caches?.incomplete.join(", ") ?? "nothing is watched"}`);
  }
  if (sources.isStopping()) problems.push("stopping");
  return answer(problems);
}

function isUnreachable(watches: readonly WatchedKind[]): boolean {
  return watches.every((watch) => !watch.isConnected() && watch.silentMs() > UNREACHABLE_MS);
}

function answer(problems: readonly string[]): Answer {
  return problems.length === 0 ? { code: 200, body: "ok\n" } : { code: 503, body: `${problems.join("\n")}\n` };
}
