import type { JupyterServerSpec } from "./jupyter-server.ts";
import type { SchemaNode } from "./schema-kit.ts";
import { specSchema } from "./spec-schema.ts";

/** The spec that the API server makes of `spec: {}`. */
export function defaultSpec(): JupyterServerSpec {
  return withDefaults(specSchema, specSchema.default) as JupyterServerSpec; // what its schema makes it
}

/** @see https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#defaulting */
function withDefaults({ properties }: SchemaNode, value: unknown): unknown {
  if (properties === undefined || typeof value !== "object" || value === null) return value;
  const given = value as Readonly<Record<string, unknown>>; // the default of an object is an object
  const fields = Object.entries(properties).map(([name, node]) => {
    const field = given[name] ?? node.default;
    return [name, field === undefined ? undefined : withDefaults(node, field)] as const;
  });
  return { ...given, ...Object.fromEntries(fields.filter(([, field]) => field !== undefined)) };
}
