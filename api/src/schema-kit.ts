/**
 * The forms of JSON schema that a CustomResourceDefinition accepts ("structural"): every node has one type, or accepts
 * anything. `Schema<T>` carries the static type that the node stands for, so the compiler compares a schema with its type
 * field by field: a field that is missing, superfluous, of another type, or required in the type without being required or
 * defaulted in the schema does not compile.
 */
export type Schema<T> = SchemaNode & { readonly "~type"?: (value: T) => T };

/** A schema with a default: the API server fills the field in, so that readers always find it. */
export type Defaulted<T> = Schema<T> & { readonly default: unknown };

/** A required field. */
export type RequiredField<T> = { readonly required: Schema<T> };

/** The plain JSON of a schema. */
export type SchemaNode = {
  readonly type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  readonly description?: string;
  readonly default?: unknown;
  readonly nullable?: boolean;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: SchemaNode | false;
  readonly items?: SchemaNode;
  readonly "x-kubernetes-preserve-unknown-fields"?: true;
  readonly "x-kubernetes-int-or-string"?: true;
  readonly "x-kubernetes-list-type"?: "map" | "set" | "atomic";
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-validations"?: readonly Rule[];
};

/** A validation rule in CEL, the expression language of the API server. */
export type Rule = {
  readonly rule: string;
  readonly message: string;
  readonly reason?: "FieldValueRequired" | "FieldValueInvalid" | "FieldValueForbidden";
  /** Field below the node that the error names. */
  readonly fieldPath?: string;
  readonly optionalOldSelf?: true;
};

/** One schema per field of `T`. */
export type Fields<T> = {
  readonly [K in keyof T]-?: Record<never, never> extends Pick<T, K>
    ? Schema<Exclude<T[K], undefined>>
    : Defaulted<T[K]> | RequiredField<T[K]>;
};

type StringOptions = Pick<SchemaNode, "pattern" | "format" | "minLength" | "maxLength" | "nullable"> & Ruled;
type MapOptions = Pick<SchemaNode, "nullable" | "maxProperties"> & Ruled;
type NumberOptions = Pick<SchemaNode, "format" | "minimum" | "maximum">;
type ListOptions = Pick<SchemaNode, "minItems" | "maxItems"> & Ruled & { readonly keyedBy?: string };
type ObjectOptions = Pick<SchemaNode, "nullable"> & Ruled & { readonly open?: true };
type Ruled = { readonly rules?: readonly Rule[] };

/** A string. */
export function string(description: string, options: StringOptions = {}): Schema<string> {
  const { rules, ...rest } = options;
  return { type: "string", description, ...rest, ...validations(rules) };
}

/** An integer. */
export function integer(description: string, options: NumberOptions = {}): Schema<number> {
  return { type: "integer", description, ...options };
}

/** A boolean. */
export function boolean(description: string): Schema<boolean> {
  return { type: "boolean", description };
}

/** One of several strings. */
export function choice<T extends string>(description: string, values: readonly T[]): Schema<T> {
  return { type: "string", description, enum: values };
}

/** A Kubernetes quantity: a number, or a string such as `2Gi`. */
export function intOrString(description: string, rules: readonly Rule[] = []): Schema<number | string> {
  return { description, "x-kubernetes-int-or-string": true, ...validations(rules) };
}

/** An object that is not validated. */
export function anyObject<T extends object>(
  description: string,
  options: Pick<SchemaNode, "nullable"> = {},
): Schema<T> {
  return { type: "object", description, ...options, "x-kubernetes-preserve-unknown-fields": true };
}

/** A value that is not validated. */
export function anything(description: string): Schema<unknown> {
  return { description, "x-kubernetes-preserve-unknown-fields": true };
}

/** An object with arbitrary keys. */
export function map<T>(
  description: string,
  values: Schema<T>,
  options: MapOptions = {},
): Schema<Readonly<Record<string, T>>> {
  const { rules, ...rest } = options;
  return { type: "object", description, ...rest, additionalProperties: values, ...validations(rules) };
}

/** A list; `keyedBy` names the field that identifies its items when they are merged. */
export function list<T>(description: string, items: Schema<T>, options: ListOptions = {}): Schema<readonly T[]> {
  const { rules, keyedBy, ...rest } = options;
  const keys: SchemaNode =
    keyedBy === undefined ? {} : { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [keyedBy] };
  return { type: "array", description, ...rest, items, ...keys, ...validations(rules) };
}

/** An object with the fields of `T`; `open` allows others, too. */
export function object<T extends object>(
  description: string,
  fields: Fields<T>,
  options: ObjectOptions = {},
): Schema<T> {
  const { rules, open, ...rest } = options;
  // Each field is one of the two; the static types of the fields have done their work by now.
  const entries = Object.entries(fields) as [string, SchemaNode | RequiredField<unknown>][];
  const required = entries.filter(([, field]) => isRequired(field)).map(([name]) => name);
  return {
    type: "object",
    description,
    ...rest,
    ...(required.length > 0 ? { required } : {}),
    properties: Object.fromEntries(entries.map(([name, field]) => [name, isRequired(field) ? field.required : field])),
    ...(open === true ? { "x-kubernetes-preserve-unknown-fields": true } : {}),
    ...validations(rules),
  };
}

/** The schema with a default. */
export function withDefault<T>(value: unknown, schema: Schema<T>): Defaulted<T> {
  return { ...schema, default: value };
}

/** A required field. */
export function required<T>(schema: Schema<T>): RequiredField<T> {
  return { required: schema };
}

/**
 * A rule for a single value. It accepts a value that was stored before the rule existed and is unchanged: API servers do
 * so by themselves (CRD ratcheting), but those of Kubernetes 1.30 not when the status is written.
 */
export function rule(expression: string, message: string): Rule {
  return ratcheting(expression, "oldSelf.value() == self", message);
}

/** A rule for an item of a list without keys: the API server does not know its previous value. */
export function ruleInList(expression: string, message: string): Rule {
  return { rule: expression, message };
}

/**
 * A rule across several fields. An object that was stored before the rule existed and violates it can still be changed
 * in every other respect: the rule rejects only a change that makes a valid object invalid.
 *
 * @param holds The CEL expression for `self`, given the name under which to find it.
 */
export function jointRule(
  holds: (self: string) => string,
  message: string,
  details: Pick<Rule, "reason" | "fieldPath"> = {},
): Rule {
  return { ...ratcheting(holds("self"), `!(${holds("oldSelf.value()")})`, message), ...details };
}

/** The part of a rule that applies to a new value. */
export function ruleForNewValues({ rule: expression }: Rule): string {
  return expression.split(RATCHETING, 1)[0] ?? expression;
}

/** Between the condition of a rule and the exception for values that were stored before. */
const RATCHETING = " || (oldSelf.hasValue() && ";

function ratcheting(expression: string, unless: string, message: string): Rule {
  return { rule: `(${expression})${RATCHETING}${unless})`, message, optionalOldSelf: true };
}

function isRequired(field: SchemaNode | RequiredField<unknown>): field is RequiredField<unknown> {
  return "required" in field && !Array.isArray(field.required);
}

function validations(rules: readonly Rule[] = []): Pick<SchemaNode, "x-kubernetes-validations"> {
  return rules.length > 0 ? { "x-kubernetes-validations": rules } : {};
}
