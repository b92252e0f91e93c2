/**
 * A pod's report of its use. Ages instead of times, by the clock of Jupyter's node: other clocks need not agree with it.
 */
export type ActivityReport = {
  readonly kernels: {
    readonly total: number;
    /** Those that are executing now. */
    readonly busy: number;
    /** WebSockets of browsers and programs that kernels have open. */
    readonly connections: number;
    /** Seconds since the latest activity of any of them; undefined without kernels. */
    readonly quietSeconds?: number;
  };
  readonly terminals: { readonly total: number; readonly quietSeconds?: number };
  /**
   * The latest request that Jupyter served, or passed on to a program behind it (RStudio, code-server); without our own
   * polls, but with those of every open tab. Undefined in the report of an earlier version, and if
   * the image has no `api/status`, or if it is not asked for because it would not count.
   */
  readonly requests?: { readonly quietSeconds: number };
  /** What passes through the login in the pod; undefined without a login. */
  readonly proxy?: {
    readonly openWebSockets: number;
    /**
     * Seconds since somebody opened a page or changed something; undefined before. Reading data does not count: tabs
     * poll.
     */
    readonly quietSeconds?: number;
    /**
     * Whether the provider renews sessions; undefined while that is not known, and in the report of an earlier version.
     */
    readonly sessionsRenewed?: boolean;
  };
  /** CPU use of the pod by the metrics API; undefined if the administrator does not let it count. */
  readonly cpuMillicores?: number;
};

/** More kernels or terminals than any server has: a longer list is not from Jupyter. */
const MAX_ITEMS = 10_000;

/**
 * Parses Jupyter's response to `GET api/kernels`.
 *
 * @param nowMs The time at Jupyter's node, in milliseconds.
 * @returns Undefined if it is not such a response.
 */
export function readKernels(body: unknown, nowMs: number): ActivityReport["kernels"] | undefined {
  const kernels = items(body);
  const quiet = quietSeconds(kernels, nowMs);
  if (kernels === undefined || quiet === undefined) return undefined;
  const states = kernels.map((kernel) => kernel["execution_state"]);
  const connections = kernels.map((kernel) => kernel["connections"] ?? 0);
  if (!states.every((state) => typeof state === "string") || !connections.every(Number.isSafeInteger)) return undefined;
  return {
    total: kernels.length,
    busy: states.filter((state) => state === "busy").length,
    // Jupyter has been seen to count below zero.
    connections: connections.map(Number).reduce((sum, count) => sum + Math.max(0, count), 0),
    ...quiet,
  };
}

/**
 * Parses Jupyter's response to `GET api/terminals`; as `readKernels`. The classic notebook server before 6.1 lists
 * terminals without times; its latest request includes what is typed and printed in them.
 *
 * @param requests Undefined if they are not known.
 */
export function readTerminals(
  body: unknown,
  nowMs: number,
  requests: ActivityReport["requests"],
): ActivityReport["terminals"] | undefined {
  const terminals = items(body);
  const areTimeless = terminals?.[0] !== undefined && !("last_activity" in terminals[0]);
  const quiet = areTimeless ? requests : quietSeconds(terminals, nowMs);
  return terminals === undefined || quiet === undefined ? undefined : { total: terminals.length, ...quiet };
}

/** Parses Jupyter's response to `GET api/status`; as `readKernels`. */
export function readRequests(body: unknown, nowMs: number): ActivityReport["requests"] | undefined {
  const status = asRecord(body);
  return status === undefined ? undefined : quietSince([status], nowMs);
}

/** Parses a report as JSON; undefined if it is not one. */
export function readActivityReport(value: unknown): ActivityReport | undefined {
  const { kernels, terminals, requests, proxy } = asRecord(value) ?? {};
  const isReport =
    hasAmounts(kernels, ["total", "busy", "connections"]) &&
    hasAmounts(terminals, ["total"]) &&
    (requests === undefined || hasAmounts(requests, ["quietSeconds"])) &&
    (proxy === undefined || (hasAmounts(proxy, ["openWebSockets"]) && isFlag(asRecord(proxy)?.["sessionsRenewed"])));
  return isReport ? (value as ActivityReport) : undefined;
}

type Fields = Readonly<Record<string, unknown>>;

function items(body: unknown): readonly Fields[] | undefined {
  if (!Array.isArray(body) || body.length > MAX_ITEMS) return undefined;
  const records = body.map(asRecord);
  return records.every((record) => record !== undefined) ? records : undefined;
}

/** An empty object without items; undefined if one of them has no time. */
function quietSeconds(list: readonly Fields[] | undefined, nowMs: number): { quietSeconds?: number } | undefined {
  return list === undefined || list.length === 0 ? {} : quietSince(list, nowMs);
}

function quietSince(list: readonly Fields[], nowMs: number): { readonly quietSeconds: number } | undefined {
  const times = list.map(({ last_activity: time }) => (typeof time === "string" ? Date.parse(time) : Number.NaN));
  if (times.some((time) => !Number.isFinite(time))) return undefined;
  const latest = times.reduce((a, b) => Math.max(a, b));
  return { quietSeconds: Math.max(0, (nowMs - latest) / 1000) };
}

function hasAmounts(value: unknown, required: readonly string[]): boolean {
  const fields = asRecord(value);
  if (fields === undefined) return false;
  const amounts = [...required, ...("quietSeconds" in fields ? ["quietSeconds"] : [])].map((name) => fields[name]);
  return amounts.every((amount) => typeof amount === "number" && Number.isFinite(amount) && amount >= 0);
}

function isFlag(value: unknown): boolean {
  return value === undefined || typeof value === "boolean";
}

function asRecord(value: unknown): Fields | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}
