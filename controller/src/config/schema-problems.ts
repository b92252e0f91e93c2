import { ruleForNewValues, type Rule, type SchemaNode } from "@amalthea/api";
import { Environment } from "@marcbachmann/cel-js";
import { isObject } from "../decide/values/json.ts";
import { parseQuantity } from "../decide/values/quantity.ts";

/**
 * What is wrong with a value by a schema of the CRD, in sentences that name the field: what the API server checks when an
 * object is written, for values that do not reach it in an object.
 */
export function schemaProblems(schema: SchemaNode, value: unknown, path: string): readonly string[] {
  const expected = typeProblem(schema, value);
  if (expected !== undefined) return [`${path} must be ${expected}`];
  const within = [...fieldProblems(schema, value, path), ...itemProblems(schema, value, path)];
  const own = [...textProblems(schema, value), ...numberProblems(schema, value)];
  if (within.length > 0 || own.length > 0) return [...own.map((problem) => `${path} ${problem}`), ...within];
  return brokenRules(schema, value).map(({ message }) => `${path}: ${message}`);
}

const TYPES: Readonly<Record<string, { readonly words: string; readonly holds: (value: unknown) => boolean }>> = {
  object: { words: "an object", holds: isObject },
  array: { words: "a list", holds: Array.isArray },
  string: { words: "a string", holds: (value) => typeof value === "string" },
  boolean: { words: "true or false", holds: (value) => typeof value === "boolean" },
  integer: { words: "an integer", holds: Number.isInteger },
  number: { words: "a number", holds: (value) => typeof value === "number" },
};

function typeProblem({ type, ...schema }: SchemaNode, value: unknown): string | undefined {
  if (schema["x-kubernetes-int-or-string"] === true) {
    return typeof value === "string" || Number.isInteger(value) ? undefined : "a string or an integer";
  }
  const known = type === undefined ? undefined : TYPES[type];
  return known === undefined || known.holds(value) ? undefined : known.words;
}

function fieldProblems(schema: SchemaNode, value: unknown, path: string): readonly string[] {
  if (!isObject(value)) return [];
  const { properties = {}, additionalProperties, required = [], maxProperties } = schema;
  const missing = required.filter((name) => value[name] === undefined).map((name) => `${path}.${name} is missing`);
  const tooMany =
    Object.keys(value).length > (maxProperties ?? Infinity) ? [`${path} has more than ${maxProperties} entries`] : [];
  const isOpen = schema.properties === undefined || schema["x-kubernetes-preserve-unknown-fields"] === true;
  const fields = Object.entries(value).flatMap(([name, part]) => {
    const node = Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
    if (typeof node === "object") return schemaProblems(node, part, `${path}.${name}`);
    return isOpen ? [] : [`${path}.${name} is unknown`];
  });
  return [...missing, ...tooMany, ...fields];
}

function itemProblems(schema: SchemaNode, value: unknown, path: string): readonly string[] {
  const { items, maxItems = Infinity } = schema;
  if (!Array.isArray(value) || items === undefined) return [];
  const parts: readonly unknown[] = value;
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  const names = parts.map((item) => keys.map((key) => (isObject(item) ? item[key] : undefined)).join(" "));
  const double = keys.length === 0 ? undefined : names.find((name, index) => names.indexOf(name) !== index);
  return [
    ...(parts.length > maxItems ? [`${path} has more than ${maxItems} entries`] : []),
    ...(double === undefined ? [] : [`${path} has ${double} twice`]),
    ...parts.flatMap((item, index) => schemaProblems(items, item, `${path}[${index}]`)),
  ];
}

function textProblems({ enum: choices, pattern, minLength, maxLength }: SchemaNode, value: unknown): readonly string[] {
  const isWrong = choices !== undefined && !choices.includes(value);
  const text = typeof value === "string" ? value : undefined;
  return [
    ...(isWrong ? [`must be one of ${choices.join(", ")}`] : []),
    ...(text !== undefined && pattern !== undefined && !new RegExp(pattern).test(text)
      ? [`must match ${pattern}`]
      : []),
    ...(text !== undefined && text.length < (minLength ?? 0) ? ["must not be empty"] : []),
    ...(text !== undefined && text.length > (maxLength ?? Infinity)
      ? [`must have at most ${maxLength} characters`]
      : []),
  ];
}

function numberProblems({ minimum = -Infinity, maximum = Infinity }: SchemaNode, value: unknown): readonly string[] {
  if (typeof value !== "number") return [];
  return [
    ...(value < minimum ? [`must be at least ${minimum}`] : []),
    ...(value > maximum ? [`must be at most ${maximum}`] : []),
  ];
}

/** A quantity of Kubernetes in CEL. */
class Quantity {
  readonly amount: bigint;
  constructor(text: string) {
    this.amount = parseQuantity(text) ?? 0n;
  }
}

/**
 * CEL as the API server evaluates the rules: the language, and what Kubernetes adds to it, as far as our rules use it.
 */
const CEL = new Environment({ unlistedVariablesAreDyn: true })
  .registerType("Quantity", Quantity)
  .registerFunction("isQuantity(string): bool", (text: string) => parseQuantity(text) !== undefined)
  .registerFunction("quantity(string): Quantity", (text: string) => new Quantity(text))
  .registerFunction(
    "Quantity.isLessThan(Quantity): bool",
    (self: Quantity, other: Quantity) => self.amount < other.amount,
  );

function brokenRules(schema: SchemaNode, value: unknown): readonly Rule[] {
  const rules = schema["x-kubernetes-validations"] ?? [];
  const self = celValue(value);
  return rules.filter((rule) => CEL.evaluate(ruleForNewValues(rule), { self }) !== true);
}

/** Whole numbers are integers in CEL, and not floating. */
function celValue(value: unknown): unknown {
  if (Number.isInteger(value)) return BigInt(value as number);
  if (Array.isArray(value)) return value.map(celValue);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, celValue(part)]));
}
