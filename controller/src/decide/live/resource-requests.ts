import type { JupyterServer } from "@amalthea/api";
import { isObject, objectOf } from "../values/json.ts";
import { parseQuantity } from "../values/quantity.ts";

/** What a server requests; undefined where it requests none or what it says is no amount, but for GPUs: none are 0. */
export type Requests = {
  readonly cpuCores: number | undefined;
  readonly memoryBytes: number | undefined;
  readonly gpus: number | undefined;
  /** Size of the volume. */
  readonly diskBytes: number | undefined;
};

/** What a server requests; undefined if its spec is too large to be kept in memory. 0.24 stored whatever users wrote. */
export function requestsOf({ spec }: Pick<JupyterServer, "spec">): Requests | undefined {
  const { jupyterServer, storage } = objectOf(spec);
  if (!isObject(jupyterServer)) return undefined;
  const requests = objectOf(objectOf(jupyterServer["resources"])["requests"]);
  return {
    cpuCores: amountOf(requests["cpu"]),
    memoryBytes: amountOf(requests["memory"]),
    gpus: amountOf(requests["nvidia.com/gpu"] ?? 0),
    diskBytes: amountOf(objectOf(storage)["size"]),
  };
}

function amountOf(quantity: unknown): number | undefined {
  const billionths = parseQuantity(quantity);
  return billionths === undefined ? undefined : Number(billionths) / 1e9;
}
