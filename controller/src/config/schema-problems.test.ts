import { ruleForNewValues, serverDefaultsSchema, specSchema, type SchemaNode } from "@amalthea/api";
import { Environment } from "@marcbachmann/cel-js";
import { describe, expect, it } from "vitest";
import { schemaProblems } from "./schema-problems.ts";

function* rulesIn(node: SchemaNode, path: string): Generator<readonly [string, string]> {
  for (const rule of node["x-kubernetes-validations"] ?? []) yield [path, ruleForNewValues(rule)];
  for (const [name, child] of Object.entries(node.properties ?? {})) yield* rulesIn(child, `${path}.${name}`);
  if (node.items !== undefined) yield* rulesIn(node.items, `${path}[]`);
}

describe("schemaProblems", () => {
  it.each([...rulesIn(serverDefaultsSchema, "spec")])("can read the rule of %s", (_path, rule) => {
    expect(() => new Environment({ unlistedVariablesAreDyn: true }).parse(rule)).not.toThrow();
  });

  it("names every wrong field at once", () => {
    const value = { jupyterServer: { image: 1, rootDir: "work" }, storage: { size: {} } };
    expect(schemaProblems(specSchema, value, "spec")).toEqual([
      "spec.jupyterServer.image must be a string",
      expect.stringMatching(/^spec\.jupyterServer\.rootDir: .* must be an absolute path/),
      "spec.storage.size must be a string or an integer",
    ]);
  });

  it("holds rules against several fields together once each is right", () => {
    const pvc = { existingClaim: "data", enabled: false };
    expect(schemaProblems(specSchema, { storage: { pvc } }, "spec")).toEqual([
      "spec.storage.pvc: storage.pvc.existingClaim needs storage.pvc.enabled: set it to true",
    ]);
  });
});
