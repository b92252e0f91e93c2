import type { JupyterServer } from "@amalthea/api";
import type { Problem } from "../facts.ts";
import { objectOf } from "../values/json.ts";
import { parseQuantity } from "../values/quantity.ts";

/**
 * Amounts that are not Kubernetes quantities, such as `4GB`. The CRD cannot tell them from others in `resources`, where
 * clients write `0.1` and `"100m"` alike, and a StatefulSet that has one is refused with an error about its own fields.
 */
export function quantityProblems({ spec }: JupyterServer): readonly Problem[] {
  const { resources, shmSize } = spec.jupyterServer;
  const amounts = [
    ...["limits", "requests"].flatMap((part) =>
      Object.entries(objectOf(objectOf(resources)[part])).map(
        ([name, amount]) => [`jupyterServer.resources.${part}.${name}`, amount] as const,
      ),
    ),
    ["jupyterServer.shmSize", shmSize === "" ? undefined : shmSize] as const,
    ["storage.size", spec.storage.size === "" ? undefined : spec.storage.size] as const,
  ];
  return amounts.flatMap(([field, amount]): readonly Problem[] => {
    const message = complaintAbout(amount);
    return message === undefined ? [] : [{ kind: "InvalidSpec", field, message }];
  });
}

/** Maximum length of an amount in a message. */
const SHOWN = 20;

function complaintAbout(amount: unknown): string | undefined {
  if (amount === undefined || amount === null) return undefined;
  const parsed = parseQuantity(amount);
  if (parsed !== undefined) return parsed < 0n ? "it must not be negative" : undefined;
  const text = typeof amount === "string" ? amount : JSON.stringify(amount);
  const [, number, unit] = /^\s*([0-9.]+)\s*([kKmMgGtTpPeE])(?:i?[bB])?\s*$/.exec(text) ?? [];
  const remedy =
    number === undefined || unit === undefined
      ? "write a number with a unit of Kubernetes, such as 500Mi or 2Gi"
      : `write ${number}${decimal(unit)}, or ${number}${unit.toUpperCase()}i for powers of 1024`;
  return `"${text.slice(0, SHOWN)}" is not a quantity; ${remedy}`;
}

/** `m` means a thousandth, where a million is intended. */
function decimal(unit: string): string {
  return unit.toUpperCase() === "K" ? "k" : unit.toUpperCase();
}
