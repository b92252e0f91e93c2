import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { jupyterServerCrd } from "./crd.ts";
import type { SchemaNode } from "./schema-kit.ts";

type Located = { readonly path: string; readonly node: SchemaNode };

function walk(node: SchemaNode, path = ""): readonly Located[] {
  const below = [
    ...Object.entries(node.properties ?? {}).map(([name, child]) => [child, `${path}.${name}`] as const),
    ...(node.items === undefined ? [] : [[node.items, `${path}[]`] as const]),
    ...(typeof node.additionalProperties === "object" ? [[node.additionalProperties, `${path}.*`] as const] : []),
  ];
  return [{ path, node }, ...below.flatMap(([child, childPath]) => walk(child, childPath))];
}

function rootOf(crd: { readonly spec: { readonly versions: readonly unknown[] } }): SchemaNode {
  const [version] = crd.spec.versions as readonly { readonly schema: { readonly openAPIV3Schema: SchemaNode } }[];
  if (version === undefined) throw new Error("the CRD has no version");
  return version.schema.openAPIV3Schema;
}

const nodes = walk(rootOf(jupyterServerCrd));
const fields = nodes.filter(({ path }) => /^[.](spec|status)/.test(path));

const legacyCrd = JSON.parse(
  readFileSync(new URL("../../test/fixtures/0.24/crd.json", import.meta.url), "utf8"),
) as typeof jupyterServerCrd;
const legacyFields = walk(rootOf(legacyCrd)).filter(({ path }) => path.startsWith(".spec."));

/** Why a node is not acceptable in a structural schema, or nothing. */
function objectionsTo(node: SchemaNode): readonly string[] {
  const forms = [node.type, node["x-kubernetes-int-or-string"], node["x-kubernetes-preserve-unknown-fields"]];
  const knownKeywords = new Set([
    ...["type", "description", "default", "nullable", "enum", "pattern", "format", "minimum", "maximum", "minLength"],
    ...[
      "maxLength",
      "minItems",
      "maxItems",
      "maxProperties",
      "properties",
      "required",
      "additionalProperties",
      "items",
    ],
    ...["x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string", "x-kubernetes-list-type"],
    ...["x-kubernetes-list-map-keys", "x-kubernetes-validations"],
  ]);
  return [
    ...Object.keys(node).filter((keyword) => !knownKeywords.has(keyword)),
    ...(forms.every((form) => form === undefined) ? ["no type"] : []),
    ...(node["x-kubernetes-int-or-string"] === true && node.type !== undefined ? ["two types"] : []),
    ...(node.enum !== undefined && node.type === undefined ? ["enum without type"] : []),
    ...(node.type === "array" && node.items === undefined ? ["array without items"] : []),
    ...(node.properties !== undefined && node.additionalProperties !== undefined ? ["properties and a map"] : []),
    ...(node.required ?? []).filter((name) => node.properties?.[name] === undefined),
  ];
}

describe("jupyterServerCrd", () => {
  it("has only schema forms that a CRD accepts", () => {
    expect(nodes.length).toBeGreaterThan(90);
    expect(nodes.flatMap(({ path, node }) => objectionsTo(node).map((objection) => `${path}: ${objection}`))).toEqual(
      [],
    );
  });

  it.each<[string, SchemaNode]>([
    ["anyOf", { anyOf: [] } as SchemaNode],
    ["no type", {}],
    ["patternProperties", { type: "object", patternProperties: {} } as SchemaNode],
    ["array without items", { type: "array" }],
  ])("is not thought acceptable with %s", (objection, node) => {
    expect(objectionsTo(node)).toContain(objection);
  });

  it("describes every field", () => {
    expect(fields.filter(({ node }) => (node.description ?? "") === "").map(({ path }) => path)).toEqual([]);
  });

  it("holds nothing that helm would take for a template", () => {
    expect(JSON.stringify(jupyterServerCrd)).not.toContain("{{");
  });

  it.each(legacyFields.map(({ path, node }) => [path, node] as const))(
    "has 0.24's %s with its type and default",
    (path, theirs) => {
      const ours = fields.find((field) => field.path === path)?.node;
      expect({ type: ours?.type, default: ours?.default, minimum: ours?.minimum, enum: ours?.enum }).toEqual({
        type: theirs.type,
        default: theirs.default,
        minimum: theirs.minimum,
        enum: theirs.enum,
      });
      expect(ours?.["x-kubernetes-preserve-unknown-fields"]).toBe(theirs["x-kubernetes-preserve-unknown-fields"]);
    },
  );

  it("has 0.24's printer columns, the state, and what hibernated the server", () => {
    const columns = jupyterServerCrd.spec.versions.flatMap((version) => version.additionalPrinterColumns);
    expect(columns.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["State", "Ready", "Image", "URL", "Pod Status", "Hibernated", "Age"]),
    );
  });
});
