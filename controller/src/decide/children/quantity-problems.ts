import type { JupyterServer } from "@amalthea/api";
import type { Problem } from "../facts.ts";
import { objectOf } from "../values/json.ts";
import { parseQuantity } from "../values/quantity.ts";

/**
 * Amounts that are not Kubernetes quantities, such as `4GB`, and resources that do not exist, such as `memroy`. The CRD
 * cannot tell them from others in `resources`, where clients write `0.1` and `"100m"` alike, and a StatefulSet that has one
 * is refused with an error about its own fields.
 */
export function quantityProblems({ spec }: JupyterServer): readonly Problem[] {
  const { resources, sidecarResources, shmSize } = spec.jupyterServer;
  const ofSidecars = Object.entries((spec.auth.oidc.enabled ? sidecarResources : undefined) ?? {});
  return [
    ...resourceProblems("jupyterServer.resources", resources),
    ...ofSidecars.flatMap(([name, given]) => resourceProblems(`jupyterServer.sidecarResources.${name}`, given)),
    ...problem("jupyterServer.shmSize", complaintAbout(shmSize === "" ? undefined : shmSize)),
    ...problem("storage.size", complaintAbout(spec.storage.size === "" ? undefined : spec.storage.size)),
  ];
}

function resourceProblems(field: string, resources: unknown): readonly Problem[] {
  return ["limits", "requests"].flatMap((part) =>
    Object.entries(objectOf(objectOf(resources)[part])).flatMap(([name, amount]) =>
      problem(`${field}.${part}.${name}`, complaintAboutName(name) ?? complaintAbout(amount)),
    ),
  );
}

function problem(field: string, message: string | undefined): readonly Problem[] {
  return message === undefined ? [] : [{ kind: "InvalidSpec", field, message }];
}

/** @see https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#extended-resources */
export const CONTAINER_RESOURCE: RegExp = /^(cpu|memory|ephemeral-storage|hugepages-.+|.+\/.+)$/;

function complaintAboutName(name: string): string | undefined {
  return CONTAINER_RESOURCE.test(name)
    ? undefined
    : "there is no such resource; use cpu, memory, ephemeral-storage or a name such as nvidia.com/gpu";
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
