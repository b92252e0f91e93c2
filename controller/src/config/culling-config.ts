import type { CullingReason } from "@amalthea/api";
import { DEFAULT_CULLING, type CullingSettings, type LimitSeconds } from "../decide/culling/culling-settings.ts";
import { asObject, type EnvironmentReader } from "./environment.ts";

type Given = Readonly<Record<string, unknown>>;

/** How limits are named below `defaults` and `maximums`. */
const LIMIT_NAMES: Readonly<Record<CullingReason, string>> = {
  Idle: "idleSeconds",
  MaximumAge: "maxAgeSeconds",
  Starting: "startingSeconds",
  Failed: "failedSeconds",
  Hibernated: "hibernatedSeconds",
};

/** Of the 0.24 chart: accepted without effect. */
const RETIRED = ["jupyterServerIdleCheckIntervalSeconds"];

/**
 * Reads how the limits of servers are enforced, from `CULLING`, a JSON object of the form of the chart's value
 * `culling`.
 */
export function readCulling(reader: EnvironmentReader): CullingSettings {
  const given = reader.object("CULLING");
  const problem = (name: string, shape: string): void => void reader.problems.push(`CULLING: ${name} must be ${shape}`);
  const flag = (name: "enforced" | "hibernateWithoutVolume" | "openTabsAreActivity"): boolean => {
    const value = given[name] ?? DEFAULT_CULLING[name];
    if (typeof value === "boolean") return value;
    problem(name, "true or false");
    return DEFAULT_CULLING[name];
  };
  const amount = (name: string, value: unknown, fallback: number): number => {
    const isCount = typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
    if (value !== undefined && !isCount) problem(name, "an integer of at least 0");
    return isCount ? value : fallback;
  };
  const own = (name: "cpuUsageMillicoresIdleThreshold" | "warnSeconds" | "unknownAfterSeconds"): number =>
    amount(name, given[name], DEFAULT_CULLING[name]);
  const limits = (name: "defaults" | "maximums"): LimitSeconds => {
    const values = asObject(given[name] ?? {});
    if (values === undefined) problem(name, "an object");
    refuseUnknown(`${name}.`, values ?? {}, Object.values(LIMIT_NAMES), reader);
    const entries = Object.entries(LIMIT_NAMES).map(([reason, key]) => [
      reason,
      amount(`${name}.${key}`, values?.[key], 0),
    ]);
    return Object.fromEntries(entries) as LimitSeconds; // an entry for each reason
  };
  refuseUnknown("", given, [...Object.keys(DEFAULT_CULLING), ...RETIRED], reader);
  return {
    enforced: flag("enforced"),
    defaults: limits("defaults"),
    maximums: limits("maximums"),
    hibernateWithoutVolume: flag("hibernateWithoutVolume"),
    openTabsAreActivity: flag("openTabsAreActivity"),
    cpuUsageMillicoresIdleThreshold: own("cpuUsageMillicoresIdleThreshold"),
    warnSeconds: own("warnSeconds"),
    unknownAfterSeconds: own("unknownAfterSeconds"),
  };
}

function refuseUnknown(prefix: string, value: Given, known: readonly string[], { problems }: EnvironmentReader): void {
  const unknown = Object.keys(value).filter((name) => !known.includes(name));
  problems.push(...unknown.map((name) => `CULLING: ${prefix}${name} is unknown`));
}
