import type { EnvVar } from "kubernetes-types/core/v1.js";
import { parseQuantity } from "../../values/quantity.ts";
import { valueAt } from "../../values/json.ts";

const MEBIBYTE = 1024n * 1024n * 1_000_000_000n; // in billionths, as quantities are parsed

/** Environment of a container whose program is written in Go: one processor, and less memory at the cost of more garbage collection. */
export function goEnvironment(resources: unknown): EnvVar[] {
  return [{ name: "GOMAXPROCS", value: "1" }, { name: "GOGC", value: "50" }, ...goMemoryLimit(resources)];
}

/**
 * `GOMEMLIMIT` of a container: four fifths of its memory limit. Near it the Go runtime collects garbage as hard as it can
 * instead of being killed; the rest is for what it does not count, such as stacks of the system and buffers of sockets.
 *
 * @returns No variable when there is no limit.
 */
export function goMemoryLimit(resources: unknown): EnvVar[] {
  const limit = parseQuantity(valueAt(resources, "limits", "memory"));
  const mebibytes = limit === undefined ? 0n : (limit * 4n) / 5n / MEBIBYTE;
  return mebibytes > 0n ? [{ name: "GOMEMLIMIT", value: `${mebibytes}MiB` }] : [];
}
