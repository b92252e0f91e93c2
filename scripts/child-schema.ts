/** The parts of an OpenAPI v3 document of Kubernetes that are read here. */
export type OpenApiDocument = {
  readonly components: { readonly schemas: Readonly<Record<string, OpenApiSchema>> };
};

type OpenApiSchema = {
  readonly $ref?: string;
  readonly allOf?: readonly OpenApiSchema[];
  readonly type?: string;
  readonly default?: unknown;
  readonly items?: OpenApiSchema;
  readonly properties?: Readonly<Record<string, OpenApiSchema>>;
  readonly additionalProperties?: OpenApiSchema;
  readonly "x-kubernetes-list-type"?: string;
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-map-type"?: string;
};

/** Schemas of the kinds of children, by group and kind as `groupKind` writes them. */
const KINDS: Readonly<Record<string, string>> = {
  "/ConfigMap": "io.k8s.api.core.v1.ConfigMap",
  "/PersistentVolumeClaim": "io.k8s.api.core.v1.PersistentVolumeClaim",
  "/Secret": "io.k8s.api.core.v1.Secret",
  "/Service": "io.k8s.api.core.v1.Service",
  "apps/StatefulSet": "io.k8s.api.apps.v1.StatefulSet",
  "networking.k8s.io/Ingress": "io.k8s.api.networking.v1.Ingress",
  "networking.k8s.io/NetworkPolicy": "io.k8s.api.networking.v1.NetworkPolicy",
};

/** Paths below `/openapi/v3` whose documents hold these schemas. */
export const OPEN_API_PATHS: readonly string[] = ["api/v1", "apis/apps/v1", "apis/networking.k8s.io/v1"];

/** Which controllers write and no manifest says. */
const NOT_WRITTEN: ReadonlySet<string> = new Set(["status", "managedFields"]);

/**
 * The fields of the kinds of children as JSON, a type a line: what server-side apply accepts, and what it replaces as a
 * whole. `controller/src/decide/values/child-schema.ts` describes the format.
 */
export function childSchemaText(documents: readonly OpenApiDocument[]): string {
  const schemas = Object.assign({}, ...documents.map(({ components }) => components.schemas)) as Schemas;
  const types = new Map<string, unknown>();
  for (const name of Object.values(KINDS)) addType(name, schemas, types);
  const kinds = Object.entries(KINDS).map(([kind, name]) => `    ${JSON.stringify(kind)}: "${shortName(name)}"`);
  const lines = [...types]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, type]) => `    ${JSON.stringify(name)}: ${JSON.stringify(type)}`);
  return `{\n  "kinds": {\n${kinds.join(",\n")}\n  },\n  "types": {\n${lines.join(",\n")}\n  }\n}\n`;
}

type Schemas = Readonly<Record<string, OpenApiSchema>>;

function addType(name: string, schemas: Schemas, types: Map<string, unknown>): void {
  const short = shortName(name);
  const schema = schemas[name];
  if (schema?.properties === undefined || types.has(short)) return;
  types.set(short, undefined); // a type may contain itself
  const entries = Object.entries(schema.properties).filter(([field]) => !NOT_WRITTEN.has(field));
  for (const reference of entries.flatMap(([, field]) => referencesOf(field))) addType(reference, schemas, types);
  const fields = Object.fromEntries(entries.map(([field, of]) => [field, fieldOf(of)]));
  types.set(short, { ...(schema["x-kubernetes-map-type"] === "atomic" ? { atomic: true } : {}), fields });
}

function fieldOf(field: OpenApiSchema): object {
  const { items, additionalProperties } = field;
  if (items !== undefined) return { type: typeName(items), list: listMode(field) };
  const isAtomic = field["x-kubernetes-map-type"] === "atomic";
  if (additionalProperties !== undefined) {
    return { type: typeName(additionalProperties), map: isAtomic ? "atomic" : "granular" };
  }
  const isWorthSaying = typeof field.default === "string" && field.default !== "";
  return {
    type: typeName(field),
    ...(isAtomic ? { atomic: true } : {}),
    ...(isWorthSaying ? { default: field.default } : {}),
  };
}

/** A list without a type is replaced as a whole. */
function listMode(field: OpenApiSchema): "atomic" | "set" | readonly string[] {
  const type = field["x-kubernetes-list-type"];
  if (type === "map") return field["x-kubernetes-list-map-keys"] ?? [];
  return type === "set" ? "set" : "atomic";
}

function typeName(schema: OpenApiSchema): string {
  const [reference] = referencesOf(schema);
  return reference === undefined ? (schema.type ?? "any") : shortName(reference);
}

function referencesOf({ $ref, allOf = [], items, additionalProperties }: OpenApiSchema): readonly string[] {
  const inner = [...allOf, ...[items, additionalProperties].filter((part) => part !== undefined)];
  return [...($ref === undefined ? [] : [$ref.slice($ref.lastIndexOf("/") + 1)]), ...inner.flatMap(referencesOf)];
}

function shortName(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}
