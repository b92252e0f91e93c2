import type { SchemaNode } from "../api/src/schema-kit.ts";
import { code } from "./markdown.ts";

/** One field of a schema: its dotted path and its schema; `[]` stands for every item of a list. */
export type SchemaField = { readonly path: string; readonly node: SchemaNode; readonly isRequired: boolean };

/** Every field below a schema, parents before their fields, in the order of the source. */
export function fieldsOf(node: SchemaNode, path: string): readonly SchemaField[] {
  const prefix = path === "" ? "" : `${path}.`;
  const own = Object.entries(node.properties ?? {}).flatMap(([name, child]) => [
    { path: prefix + name, node: child, isRequired: node.required?.includes(name) ?? false },
    ...fieldsOf(child, prefix + name),
  ]);
  return node.items === undefined ? own : [...own, ...fieldsOf(node.items, `${path}[]`)];
}

/** Type of a field in words: `list of string`, or its permitted values. */
export function typeOf(node: SchemaNode): string {
  if (node.enum !== undefined) return node.enum.map((value) => code(value === "" ? '""' : String(value))).join(" or ");
  if (node["x-kubernetes-int-or-string"] === true) return "integer or string";
  if (node.items !== undefined) return `list of ${typeOf(node.items)}`;
  if (typeof node.additionalProperties === "object") return `map of ${typeOf(node.additionalProperties)}`;
  return node.type ?? "anything";
}

/** Default of a field as JSON, or that it must be given. */
export function defaultOf({ node, isRequired }: SchemaField): string {
  if (isRequired) return "required";
  return node.default === undefined ? "" : code(JSON.stringify(node.default));
}
