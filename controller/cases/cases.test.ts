import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { routeOf } from "@amalthea/api";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import type { Action } from "../src/decide/decision.ts";
import { desiredChildren } from "../src/decide/children/desired.ts";
import { planFor } from "../src/decide/plan/plan.ts";
import { NOW } from "../src/decide/testing/builders.ts";
import { readCase, readText, type Case } from "./read-case.ts";

// Each folder is a case: what goes in as YAML, what comes out as YAML. `UPDATE_CASES=1` writes what comes out; the
// difference is then reviewed like code.

const folders = readdirSync(import.meta.dirname, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

describe("cases", () => {
  it.each(folders)("%s gives the children and the plan of its files", (name) => {
    const folder = join(import.meta.dirname, name);
    const input = readCase(folder);
    expectFile(join(folder, "children.yaml"), children(input));
    expectFile(join(folder, "plan.yaml"), plan(input));
  });
});

/** The children without what is the same in every case and tested elsewhere: labels, owner, Jupyter's configuration. */
function children({ observed, settings }: Case): unknown {
  const route = routeOf(observed.server);
  const desired = desiredChildren(observed.server, settings, { wanted: route, served: route, kept: undefined });
  if (desired.kind === "Unrenderable") return {};
  const plain = desired.children.map(({ childKey, manifest }) => [childKey, manifest] as const);
  const secrets = desired.secrets.map(({ manifest, given, generated }) => [
    manifest.metadata.labels["amalthea.dev/child-key"] ?? "",
    { ...manifest, given, generated: generated.map(({ key, encoding }) => `${key} (${encoding})`) },
  ]);
  return Object.fromEntries([...plain, ...secrets].map(([key, manifest]) => [key, shortened(manifest)]));
}

function shortened(manifest: unknown): unknown {
  const text = JSON.stringify(manifest, (key, value: unknown) => {
    if (key === "amalthea.dev/desired-hash" || key === "amalthea.dev/content-hash") return undefined;
    if (key === "amalthea.dev/started-with" || key.endsWith("_config.py")) return "…";
    return key === "ownerReferences" ? undefined : value;
  });
  return JSON.parse(text);
}

function plan({ observed, settings }: Case): unknown {
  const { plan: actions, facts } = planFor(observed, settings, NOW);
  return { actions: actions.map(sentence), facts };
}

function sentence(action: Action): string {
  switch (action.kind) {
    case "EnsureSecret":
      return `EnsureSecret ${action.childKey}, because ${action.because}`;
    case "Apply":
      return `${action.create ? "Create" : "Apply"} ${action.childKey}, because ${action.because}`;
    default:
      return `${action.kind} ${action.target.kind}, because ${action.because}`;
  }
}

function expectFile(path: string, actual: unknown): void {
  const text = stringify(actual, { lineWidth: 0, aliasDuplicateObjects: false });
  if (process.env["UPDATE_CASES"] === "1") writeFileSync(path, text);
  expect(text).toBe(readText(path));
}
