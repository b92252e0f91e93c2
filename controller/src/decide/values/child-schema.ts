import schema from "./child-schema.json" with { type: "json" };
import { groupKind, type OfKind } from "./group-kind.ts";

// The JSON is made of the API server's own OpenAPI document; test/integration/api/child-schema.test.ts compares the two.

/** A field of a Kubernetes object: how server-side apply merges it. */
export type FieldSchema = {
  /** Name of a type in `typeNamed`, or a scalar: `string`, `integer`, `boolean`, `Quantity`, `IntOrString`, `Time`. */
  readonly type: string;
  /** The field is a list of `type`: replaced as a whole, a set, or merged by these keys of its items. */
  readonly list?: "atomic" | "set" | readonly string[];
  /** The field is a map of text to `type`: replaced as a whole, or merged by its keys. */
  readonly map?: "atomic" | "granular";
  /** The field is an object that is replaced as a whole. */
  readonly atomic?: true;
  /** What the API server sets when the field is missing, where that is neither empty nor zero. */
  readonly default?: string;
};

/** The fields of an object. */
export type TypeSchema = {
  /** Objects of this type are replaced as a whole. */
  readonly atomic?: true;
  readonly fields: Readonly<Record<string, FieldSchema>>;
};

const KINDS: ReadonlyMap<string, string> = new Map(Object.entries(schema.kinds));
// The compiler infers a type of its own for each of the JSON's lines.
const TYPES: ReadonlyMap<string, TypeSchema> = new Map(
  Object.entries(schema.types as unknown as Readonly<Record<string, TypeSchema>>),
);

/** The schema of a manifest of one of our kinds of children; undefined for every other kind. */
export function schemaOf(manifest: OfKind): FieldSchema | undefined {
  const type = KINDS.get(groupKind(manifest));
  return type === undefined ? undefined : { type };
}

/** The fields of a type; undefined for a scalar, or one that is open. */
export function typeNamed(name: string): TypeSchema | undefined {
  return TYPES.get(name);
}
