import { parseQuantity } from "../../values/quantity.ts";
import { valueAt } from "../../values/json.ts";

const MEBIBYTE = 1024n * 1024n * 1_000_000_000n; // in billionths, as quantities are parsed

/**
 * `GOMEMLIMIT` of a container: four fifths of its memory limit. Near it the Go runtime collects garbage as hard as it can
 * instead of being killed; the rest is for what it does not count, such as stacks of the system and buffers of sockets.
 *
 * @returns No variable when there is no limit.
 */
export function goMemoryLimit(resources: unknown): readonly { readonly name: string; readonly value: string }[] {
  const limit = parseQuantity(valueAt(resources, "limits", "memory"));
  const mebibytes = limit === undefined ? 0n : (limit * 4n) / 5n / MEBIBYTE;
  return mebibytes > 0n ? [{ name: "GOMEMLIMIT", value: `${mebibytes}MiB` }] : [];
}
