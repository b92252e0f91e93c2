import type { CustomResourceDefinition } from "../api/src/index.ts";
import type { SchemaNode } from "../api/src/schema-kit.ts";
import { generatedNote, table } from "./markdown.ts";
import { defaultOf, fieldsOf, typeOf } from "./schema-rows.ts";

/** The reference page of the resource: every field of spec and status, and what is refused. */
export function resourcePage(crd: CustomResourceDefinition): string {
  const { group, names, versions } = crd.spec;
  return versions
    .map(({ name, schema }) => {
      const root = schema.openAPIV3Schema;
      const { spec = {}, status = {} } = root.properties ?? {};
      return `${generatedNote}

# ${names["kind"]}

\`apiVersion: ${group}/${name}\`, \`kind: ${names["kind"]}\`; \`kubectl get ${names["shortNames"]}\` lists them. An object needs a
\`metadata.name\` and \`spec.routing.host\`; everything else has a default.

## spec

${fieldTable(spec, "spec")}

## status

${fieldTable(status, "status")}

## What is refused

The API server refuses an object that can never work. It does not hold a rule against what was stored before the rule
came and stays as it is, so such an object can still be changed, hibernated and deleted.

${rulesOf(root)
  .map((message) => `- ${message}`)
  .join("\n")}
`;
    })
    .join("\n");
}

function fieldTable(schema: SchemaNode, path: string): string {
  const rows = fieldsOf(schema, path).map((field) => [
    `\`${field.path.slice(path.length + 1)}\``,
    typeOf(field.node),
    defaultOf(field),
    field.node.description ?? "",
  ]);
  return table(["Field", "Type", "Default", "Meaning"], rows);
}

function rulesOf(root: SchemaNode): readonly string[] {
  return [{ path: "", node: root }, ...fieldsOf(root, ""), ...itemsOf(root)].flatMap(({ node }) =>
    (node["x-kubernetes-validations"] ?? []).map(({ message }) => message),
  );
}

function itemsOf(root: SchemaNode): readonly { readonly node: SchemaNode }[] {
  return fieldsOf(root, "").flatMap(({ node }) => (node.items === undefined ? [] : [{ node: node.items }]));
}
