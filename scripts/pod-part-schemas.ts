import type { SchemaNode } from "../api/src/schema-kit.ts";
import { typeNamed, type FieldSchema } from "../controller/src/decide/values/child-schema.ts";

/**
 * Parts of a pod whose fields the CRD leaves open, as they are those of Kubernetes: its type, by the path below
 * `serverDefaults`.
 */
const TYPES: Readonly<Record<string, string>> = {
  "jupyterServer.resources": "ResourceRequirements",
  "jupyterServer.env[].valueFrom": "EnvVarSource",
  "jupyterServer.tolerations[]": "Toleration",
  "jupyterServer.affinity": "Affinity",
  "jupyterServer.extraVolumes[]": "Volume",
  "jupyterServer.extraVolumeMounts[]": "VolumeMount",
  "jupyterServer.lifecycle.postStart": "LifecycleHandler",
  "jupyterServer.lifecycle.preStop": "LifecycleHandler",
  "jupyterServer.topologySpreadConstraints[]": "TopologySpreadConstraint",
  "jupyterServer.sidecarResources.traefik": "ResourceRequirements",
  "jupyterServer.sidecarResources.oauth2Proxy": "ResourceRequirements",
  "jupyterServer.sidecarResources.authorization": "ResourceRequirements",
  "storage.pvc.selector": "LabelSelector",
};

/** Maps whose keys are the user's. */
const FREE: readonly string[] = ["routing.ingressAnnotations"];

/**
 * JSON schema of an open part of the CRD: no field but those of Kubernetes.
 *
 * @throws Error for an open part of which it is not known what it is.
 */
export function podPartSchemas(node: SchemaNode, path: string): readonly object[] {
  const type = TYPES[path];
  if (type !== undefined) return [{ $ref: reference(type) }];
  if (node["x-kubernetes-preserve-unknown-fields"] !== true || FREE.includes(path)) return [];
  throw new Error(
    `say in scripts/pod-part-schemas.ts which type of Kubernetes ${path} has, or the chart does not check it`,
  );
}

/** The types that are referred to, by name. */
export function podPartDefinitions(): Readonly<Record<string, object>> {
  const found = new Map<string, object>();
  for (const type of Object.values(TYPES)) addType(type, found);
  return Object.fromEntries([...found].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function addType(name: string, found: Map<string, object>): void {
  const fields = typeNamed(name)?.fields;
  if (fields === undefined || found.has(name)) return;
  found.set(name, {}); // a type may contain itself
  for (const { type } of Object.values(fields)) addType(type, found);
  const properties = Object.fromEntries(Object.entries(fields).map(([field, of]) => [field, fieldSchema(of)]));
  found.set(name, { properties, additionalProperties: false });
}

function fieldSchema({ type, list, map }: FieldSchema): object {
  const value = typeNamed(type) === undefined ? scalar(type) : { $ref: reference(type) };
  if (list !== undefined) return { items: value };
  return map === undefined ? value : { additionalProperties: value };
}

/** Texts that YAML reads as numbers are what people get wrong; of the others the API server tells. */
function scalar(type: string): object {
  return type === "string" ? { type: ["string", "null"] } : {};
}

function reference(type: string): string {
  return `#/definitions/${type}`;
}
