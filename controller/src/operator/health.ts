import type { Answer } from "./http-server.ts";

/** What the health of this process depends on. */
export type HealthSources = {
  readonly caches: { readonly synced: boolean; readonly all: readonly { silentMs(): number }[] };
  /** Milliseconds since the lease was last renewed; undefined if this process does not hold it, or needs none. */
  readonly renewalAgeMs: () => number | undefined;
  readonly isStopping: () => boolean;
};

/** Without a word from the API server for this long a watch is broken in a way that it does not see itself. */
const SILENCE_LIMIT_MS = 600_000;
/** A leader that neither renewed nor ended because of it: lease duration and five seconds. */
const RENEWAL_LIMIT_MS = 20_000;

/** Whether this process should go on living. That it answers at all shows that its event loop turns. */
export function liveness(sources: HealthSources): Answer {
  const problems: string[] = [];
  const silentMs = Math.max(0, ...sources.caches.all.map((informer) => informer.silentMs()));
  if (sources.caches.synced && silentMs > SILENCE_LIMIT_MS) problems.push("a watch has been silent for too long");
  const renewalAgeMs = sources.renewalAgeMs();
  if (renewalAgeMs !== undefined && renewalAgeMs > RENEWAL_LIMIT_MS) problems.push("the lease was not renewed");
  return answer(problems);
}

/** Whether this process could lead now: its caches are full and it is not about to stop. */
export function readiness(sources: HealthSources): Answer {
  const problems: string[] = [];
  if (!sources.caches.synced) problems.push("the caches are not complete yet");
  if (sources.isStopping()) problems.push("stopping");
  return answer(problems);
}

function answer(problems: readonly string[]): Answer {
  return problems.length === 0 ? { code: 200, body: "ok\n" } : { code: 503, body: `${problems.join("\n")}\n` };
}
