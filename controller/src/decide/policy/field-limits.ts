import type { JupyterServerSpec } from "@amalthea/api";
import type { ServerDefaults } from "../effective-spec.ts";
import { canonicalJson, isObject, listOf, valueAt } from "../values/json.ts";
import { matchesAny } from "../values/pattern.ts";
import type { PolicySettings } from "./policy-settings.ts";

/** Fields that can do what a patch does, or claim a volume that is not the server's own. */
export const LIMITED_FIELDS: readonly string[] = [
  "jupyterServer.automountServiceAccountToken",
  "jupyterServer.extraPorts",
  "jupyterServer.podAnnotations",
  "jupyterServer.podLabels",
  "jupyterServer.runtimeClassName",
  "storage.pvc.selector",
  "storage.pvc.volumeName",
];

/**
 * The fields of a spec that are not allowed. What is exactly a default for all servers is the administrator's.
 *
 * @returns Their paths in the object.
 */
export function forbiddenFields(
  spec: JupyterServerSpec,
  { patches, fields }: PolicySettings,
  defaults: ServerDefaults,
): readonly string[] {
  const isUnlimited = [patches.kinds, patches.paths].every((allowed) => allowed.includes("*"));
  const allowed = fields ?? (isUnlimited ? ["*"] : []);
  const given = LIMITED_FIELDS.filter((field) => !matchesAny(field, allowed)).filter(
    (field) => isGiven(field, spec) && !isSame(field, spec, defaults),
  );
  const isTokenAllowed = matchesAny("jupyterServer.automountServiceAccountToken", allowed);
  const all = isTokenAllowed || !hasTokenVolume(spec, defaults) ? given : [...given, VOLUMES];
  return all.map((field) => `spec.${field}`);
}

const VOLUMES = "jupyterServer.extraVolumes";

/** Sources of a projected volume that give the pod an identity, whether tokens are mounted automatically or not. */
const IDENTITIES: readonly string[] = ["serviceAccountToken", "podCertificate"];

function hasTokenVolume(spec: JupyterServerSpec, defaults: ServerDefaults): boolean {
  const [volumes, ofAll] = [spec, defaults].map((one) => listOf(valueAt(one, ...VOLUMES.split("."))));
  const known = new Set(ofAll?.map(canonicalJson));
  const ownVolumes = (volumes ?? []).filter((volume) => !known.has(canonicalJson(volume)));
  return ownVolumes.some((volume) => listOf(valueAt(volume, "projected", "sources")).some(isIdentity));
}

function isIdentity(source: unknown): boolean {
  return IDENTITIES.some((name) => isObject(valueAt(source, name)));
}

function isGiven(field: string, spec: JupyterServerSpec): boolean {
  return !["null", "false", "{}", "[]"].includes(canonicalJson(valueAt(spec, ...field.split("."))));
}

function isSame(field: string, ...specs: readonly [JupyterServerSpec, ServerDefaults]): boolean {
  const [own, given] = specs.map((spec) => valueAt(spec, ...field.split(".")));
  return given !== undefined && canonicalJson(own) === canonicalJson(given);
}
