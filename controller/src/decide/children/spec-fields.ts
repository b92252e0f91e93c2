import { CONTAINERS } from "@amalthea/api";

const POD = "spec.template.spec.";

/** How fields of children begin that the server's spec has, too, and how they begin there: the first that fits. */
const ORIGINS: readonly (readonly [string, string])[] = [
  [`${POD}containers[${CONTAINERS.authProxy}].resources`, "spec.jupyterServer.sidecarResources.traefik"],
  [`${POD}containers[${CONTAINERS.oauth2Proxy}].resources`, "spec.jupyterServer.sidecarResources.oauth2Proxy"],
  [`${POD}containers[${CONTAINERS.authorization}].resources`, "spec.jupyterServer.sidecarResources.authorization"],
  [`${POD}containers[${CONTAINERS.jupyter}].volumeMounts`, "spec.jupyterServer.extraVolumeMounts"],
  [`${POD}containers[${CONTAINERS.jupyter}].`, "spec.jupyterServer."],
  [`${POD}volumes`, "spec.jupyterServer.extraVolumes"],
  [POD, "spec.jupyterServer."],
  ["spec.selector", "spec.storage.pvc.selector"],
];

/**
 * The field of the server's spec that a field of a child comes from, if no patch has set that.
 *
 * @param field Dotted path in the child, such as `spec.template.spec.tolerations[0].value`.
 * @returns Such as `spec.jupyterServer.tolerations[0].value`.
 */
export function specFieldOf(field: string): string {
  const [inChild = "", inSpec = ""] = ORIGINS.find(([start]) => field.startsWith(start)) ?? [];
  return inSpec + field.slice(inChild.length);
}
