import { isPerServer, serverDefaultsSchema, type SchemaNode } from "@amalthea/api";
import type { ServerDefaults } from "../decide/effective-spec.ts";
import { isObject } from "../decide/values/json.ts";
import type { EnvironmentReader } from "./environment.ts";
import { schemaProblems } from "./schema-problems.ts";

const VARIABLE = "SERVER_DEFAULTS";

/** Reads the defaults for the specs of all servers, from `SERVER_DEFAULTS`, a JSON object in the form of a spec. */
export function readServerDefaults(reader: EnvironmentReader): ServerDefaults {
  const defaults = reader.object(VARIABLE);
  const perServer = perServerFields(serverDefaultsSchema, defaults, "");
  reader.problems.push(
    ...perServer.map((path) => `${VARIABLE}.${path} is set by each server and cannot have a default for all`),
    ...schemaProblems(serverDefaultsSchema, defaults, VARIABLE).filter(
      (problem) => !perServer.some((path) => problem === `${VARIABLE}.${path} is unknown`),
    ),
  );
  return defaults;
}

function perServerFields({ properties }: SchemaNode, value: unknown, prefix: string): readonly string[] {
  if (properties === undefined || !isObject(value)) return [];
  return Object.entries(value).flatMap(([name, part]) => {
    const path = prefix + name;
    if (isPerServer(path)) return [path];
    const node = Object.hasOwn(properties, name) ? properties[name] : undefined;
    return node === undefined ? [] : perServerFields(node, part, `${path}.`);
  });
}
