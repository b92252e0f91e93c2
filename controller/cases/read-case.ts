import { readFileSync } from "node:fs";
import { join } from "node:path";
import { jupyterServerCrd, type JupyterServer } from "@amalthea/api";
import { parse } from "yaml";
import { isObject, valueAt } from "../src/decide/values/json.ts";
import type { LiveChild, Observed } from "../src/decide/live/observed.ts";
import type { DecisionSettings } from "../src/decide/settings.ts";
import { anObserved, aServer, someSettings } from "../src/decide/testing/builders.ts";

/** What the controller sees in a case. */
export type Case = { readonly observed: Observed; readonly settings: DecisionSettings };

/**
 * Reads a case folder: `server.yaml` as a user writes it, `settings.yaml` where they differ from the defaults, and
 * `world.yaml` (keys of `Observed`) where something exists already.
 */
export function readCase(folder: string): Case {
  const given = asObject(readYaml(join(folder, "server.yaml")));
  const metadata = { ...aServer().metadata, ...asObject(given["metadata"]) };
  const server = { ...given, spec: withDefaults(given["spec"]), metadata } as unknown as JupyterServer;
  const world = asObject(readYaml(join(folder, "world.yaml")));
  const settings = asObject(readYaml(join(folder, "settings.yaml")));
  return {
    observed: anObserved({
      ...(world as Partial<Observed>),
      server,
      children: (world["children"] ?? []) as LiveChild[],
    }),
    settings: someSettings(settings as Partial<DecisionSettings>),
  };
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
