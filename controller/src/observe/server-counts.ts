import { type JupyterServer, REASONS, SERVER_STATES, type ServerState } from "@amalthea/api";
import { heartbeat } from "../decide/culling/idle.ts";
import { withReadableStatus } from "../decide/effective-server.ts";

type Count<L> = { readonly labels: L; readonly value: number };

type State = ServerState | "unknown";
type Mode = "oidc" | "token" | "none" | "unknown";
type Quiet = "0" | "300" | "900" | "3600" | "14400" | "86400";

// Counts of all servers in the cache, computed at each scrape: nothing is kept of a server that is gone.

const STATES: readonly State[] = [...SERVER_STATES, "unknown"];
const MODES: readonly Mode[] = ["oidc", "token", "none", "unknown"];
const QUIET: readonly Quiet[] = ["0", "300", "900", "3600", "14400", "86400"];

/** Conditions that are the state in other words. */
const STATE_CONDITIONS: readonly string[] = ["Ready", "Hibernated"];

export type IdleOptions = { readonly annotationPrefix: string; readonly now: Date };

/** All servers, also the states and modes of which there is none. */
export function countByStateAndMode(
  servers: readonly JupyterServer[],
): readonly Count<{ readonly state: State; readonly mode: Mode }>[] {
  const counts = tally(servers.map(withReadableStatus).map((server) => `${stateOf(server)} ${modeOf(server)}`));
  // Those without servers are reported, too: an alert on 0 needs the 0.
  return STATES.flatMap((state) =>
    MODES.map((mode) => ({ labels: { state, mode }, value: counts.get(`${state} ${mode}`) ?? 0 })),
  );
}

function stateOf({ status }: JupyterServer): State {
  return STATES.find((state) => state === status?.state) ?? "unknown";
}

/** Of a server that is too large for the cache the spec has no `auth`. */
function modeOf({ spec }: JupyterServer): Mode {
  const auth: JupyterServer["spec"]["auth"] | undefined = spec.auth;
  if (auth === undefined) return "unknown";
  if (auth.oidc?.enabled) return "oidc";
  return auth.token === "" ? "none" : "token";
}

/** Conditions that are true, besides those that are the state in other words. */
export function countByCondition(
  servers: readonly JupyterServer[],
): readonly Count<{ readonly type: string; readonly reason: string }>[] {
  const keys = servers
    .map(withReadableStatus)
    .flatMap(({ status }) =>
      (status?.conditions ?? [])
        .filter(({ type, status: value }) => value === "True" && !STATE_CONDITIONS.includes(type))
        .map(({ type, reason }) => known(type, reason)),
    );
  return [...tally(keys)].map(([key, value]) => {
    const [type = "", reason = ""] = key.split(" ");
    return { labels: { type, reason }, value };
  });
}

/** Anyone who may write the status of a server must not be able to create unlimited series. */
function known(type: string, reason: string): string {
  const entry = Object.hasOwn(REASONS, reason) ? REASONS[reason as keyof typeof REASONS] : undefined;
  return entry?.conditions.some((allowed) => allowed === type) === true ? `${type} ${reason}` : "other other";
}

/** Running servers whose activity is known, by how long ago it was at least. */
export function countByIdleTime(
  servers: readonly JupyterServer[],
  options: IdleOptions,
): readonly Count<{ readonly at_least_seconds: Quiet }>[] {
  const seconds = servers.map(withReadableStatus).flatMap((server) => idleSeconds(server, options) ?? []);
  return QUIET.map((bound) => ({
    labels: { at_least_seconds: bound },
    value: seconds.filter((idle) => idle >= Number(bound)).length,
  }));
}

/** Seconds since the latest activity that is known; undefined if none is, or the server is not running. */
function idleSeconds({ metadata, status }: JupyterServer, options: IdleOptions): number | undefined {
  if (status?.state !== "running" || status.lastActivityAt === undefined) return undefined;
  const { annotationPrefix, now } = options;
  const beatMs = heartbeat({ metadata }, annotationPrefix, now)?.getTime();
  const times = [Date.parse(status.lastActivityAt), beatMs ?? Number.NaN].filter((time) => time > 0);
  if (times.length === 0) return undefined;
  return Math.max(0, now.getTime() - Math.max(...times)) / 1000;
}

function tally(keys: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}
