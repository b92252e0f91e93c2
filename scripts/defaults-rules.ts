import {
  ACTIVITY_PORT_NAME,
  HTTP_PORT_NAME,
  OUR_PREFIX,
  RESERVED_POD_ANNOTATIONS,
  RESERVED_POD_LABELS,
  RESERVED_PORTS,
} from "../api/src/index.ts";
import { CONTAINER_RESOURCE } from "../controller/src/decide/children/quantity-problems.ts";
import { LABEL_NAME } from "../api/src/pod-schema.ts";
import type { SchemaNode } from "../api/src/schema-kit.ts";

const QUANTITY = "[+]?([0-9]+([.][0-9]*)?|[.][0-9]+)(n|u|m|k|M|G|T|P|E|[KMGTPE]i|[eE][+-]?[0-9]{1,3})?";

const quantity = { type: ["number", "string"], pattern: `^-?${QUANTITY}$`, maxLength: 100 };

/** Maximum resources by name; a number may have decimals, as in `cpu: 1.5`. */
export const quantitiesSchema: object = { additionalProperties: quantity };

/** What a container may have of each resource that there is; null, as values of charts often have, is nothing. */
export const containerQuantitiesSchema: object = {
  propertyNames: { pattern: CONTAINER_RESOURCE.source },
  additionalProperties: { ...quantity, type: [...quantity.type, "null"] },
};

const amount = { minimum: 0, pattern: `^(${QUANTITY})?$` };
const names = (reserved: readonly string[]): object => ({
  propertyNames: {
    pattern: LABEL_NAME,
    not: { anyOf: [{ enum: reserved }, { pattern: `^${OUR_PREFIX.replace(".", "\\.")}` }] },
  },
});

/**
 * The rules of the CRD in the terms of JSON schema, which has no CEL, by the dotted path below `serverDefaults`: the
 * controller does not start with defaults that break one.
 */
const RULES: Readonly<Record<string, object>> = {
  "jupyterServer.image": { pattern: "^[^ \\n]+$" },
  "jupyterServer.rootDir": { pattern: "^/" },
  "jupyterServer.shmSize": amount,
  "jupyterServer.podLabels": names(RESERVED_POD_LABELS),
  "jupyterServer.podAnnotations": names(RESERVED_POD_ANNOTATIONS),
  "jupyterServer.envFrom[]": { oneOf: [{ required: ["configMapRef"] }, { required: ["secretRef"] }] },
  "jupyterServer.extraPorts": {
    items: {
      properties: {
        name: { not: { enum: [HTTP_PORT_NAME, ACTIVITY_PORT_NAME] } },
        containerPort: { not: { enum: RESERVED_PORTS } },
      },
    },
  },
  "storage.size": amount,
  "storage.pvc.mountPath": { pattern: "^/[^:]+$" },
  "storage.pvc.subPath": { pattern: "^[^/]", not: { pattern: "(^|/)[.][.](/|$)" } },
};

/** Their rules are about fields that each server sets itself and that have no defaults. */
const RULES_PER_SERVER: readonly string[] = ["auth", "auth.oidc", "storage.pvc"];

/**
 * Additional JSON schema besides a node's own fields.
 *
 * @throws Error for a rule of the CRD that has no counterpart here.
 */
export function ruleSchemas(node: SchemaNode, path: string): readonly object[] {
  const found = RULES[path];
  if (found !== undefined) return [found];
  if (node["x-kubernetes-validations"] === undefined || RULES_PER_SERVER.includes(path)) return [];
  throw new Error(
    `the rules of ${path} need a counterpart in scripts/defaults-rules.ts, or the chart does not check them`,
  );
}

/**
 * The key by which the entries of a list differ, by the path of the list: JSON schema cannot say it, so a template
 * does.
 */
export function listKeys(node: SchemaNode, path = ""): Readonly<Record<string, string>> {
  return Object.entries(node.properties ?? {}).reduce((found, [name, child]) => {
    const childPath = path === "" ? name : `${path}.${name}`;
    const [key] = child["x-kubernetes-list-map-keys"] ?? [];
    return { ...found, ...(key === undefined ? {} : { [childPath]: key }), ...listKeys(child, childPath) };
  }, {});
}
