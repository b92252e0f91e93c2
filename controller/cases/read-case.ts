import { readFileSync } from "node:fs";
import { join } from "node:path";
import { jupyterServerCrd, type JupyterServer } from "@amalthea/api";
import { parse } from "yaml";
import { isObject, valueAt } from "../src/decide/values/json.ts";
import type { LiveChild, Observed } from "../src/decide/live/observed.ts";
import { effectiveServer } from "../src/decide/effective-server.ts";
import type { DecisionSettings } from "../src/decide/settings.ts";
import { planFor } from "../src/decide/plan/plan.ts";
import { anObserved, aServer, NOW, someSettings } from "../src/decide/testing/builders.ts";
import { carryOut } from "../src/decide/testing/simulated-world.ts";

/** What the controller sees in a case. */
export type Case = { readonly observed: Observed; readonly settings: DecisionSettings };

/**
 * Reads a case folder: `server.yaml` as a user writes it, and `settings.yaml` where they differ from the defaults. Where
 * something exists already: `before.yaml`, the server as it was when the controller last reconciled it, or `legacy.yaml`,
 * the name of a fixture of 0.24.
 */
export function readCase(folder: string): Case {
  const settings = someSettings(asObject(readYaml(join(folder, "settings.yaml"))));
  const server = effectiveServer(readServer(join(folder, "server.yaml")), settings);
  return { observed: { ...worldBefore(folder, settings), server }, settings };
}

function readServer(path: string): JupyterServer {
  const given = asObject(readYaml(path));
  const metadata = { ...aServer().metadata, ...asObject(given["metadata"]) };
  return { ...given, spec: withDefaults(given["spec"]), metadata } as unknown as JupyterServer;
}

function worldBefore(folder: string, settings: DecisionSettings): Observed {
  const before = join(folder, "before.yaml");
  if (readText(before) !== undefined) {
    const start = anObserved({ server: readServer(before) });
    return carryOut(start, planFor(start, settings, NOW).plan);
  }
  const { fixture } = asObject(readYaml(join(folder, "legacy.yaml")));
  return typeof fixture === "string" ? legacyWorld(fixture) : anObserved();
}

const LEGACY_FIXTURES = join(import.meta.dirname, "../../test/fixtures/0.24");

function legacyWorld(fixture: string): Observed {
  const { items } = parse(readFileSync(join(LEGACY_FIXTURES, `${fixture}.json`), "utf8")) as { items: LiveChild[] };
  const children = items.filter(({ kind }) => !["JupyterServer", "Secret", "Pod"].includes(kind));
  return anObserved({ children, pod: items.find(({ kind }) => kind === "Pod") as Observed["pod"] });
}

/** The text of a file; undefined if there is none. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

function readYaml(path: string): unknown {
  return parse(readText(path) ?? "{}");
}

function asObject(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {};
}

/** A spec as the API server stores it: the CRD's own defaults, filled in from the top. */
export function withDefaults(spec: unknown): unknown {
  const schema = valueAt(jupyterServerCrd.spec.versions[0]?.schema.openAPIV3Schema, "properties", "spec");
  return defaulted(schema, spec);
}

function defaulted(schema: unknown, value: unknown): unknown {
  const present = value ?? valueAt(schema, "default");
  const properties = valueAt(schema, "properties");
  if (!isObject(present) || !isObject(properties)) return present;
  const filled = Object.entries(properties).map(([key, child]) => [key, defaulted(child, present[key])] as const);
  return { ...present, ...Object.fromEntries(filled.filter(([, child]) => child !== undefined)) };
}
