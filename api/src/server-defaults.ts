import type { SchemaNode } from "./schema-kit.ts";
import { specSchema } from "./spec-schema.ts";

/** Fields of the spec that each server sets itself: addresses, volumes, secrets, and what must not affect all at once. */
const PER_SERVER: readonly string[] = [
  "culling",
  "patches",
  "updatePolicy",
  "jupyterServer.hibernated",
  "routing.host",
  "routing.path",
  "routing.externalUrl",
  "storage.pvc.existingClaim",
  "storage.pvc.volumeName",
];

/** The only part of `auth` that can have a default for all servers. */
const SESSION = "auth.oidc.session";

/** Whether a field of the spec, by its path, is one that has no default for all servers. */
export function isPerServer(path: string): boolean {
  if (!path.startsWith("auth.")) return PER_SERVER.includes(path);
  return !`${SESSION}.`.startsWith(`${path}.`) && !path.startsWith(`${SESSION}.`);
}

/** Schema of the defaults for all servers: that of the spec without the CRD's defaults and the fields of one server. */
export const serverDefaultsSchema: SchemaNode = shared(specSchema, "");

function shared({ default: _default, ...node }: SchemaNode, path: string): SchemaNode {
  if (node.properties === undefined || node["x-kubernetes-preserve-unknown-fields"] === true) return node;
  const prefix = path === "" ? "" : `${path}.`;
  const fields = Object.entries(node.properties).filter(([name]) => !isPerServer(prefix + name));
  return {
    ...node,
    properties: Object.fromEntries(fields.map(([name, field]) => [name, shared(field, prefix + name)])),
  };
}
