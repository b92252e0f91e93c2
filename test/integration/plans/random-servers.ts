import fc from "fast-check";

/** A node of the schema in the CustomResourceDefinition, as far as a generator reads it. */
export type SchemaNode = {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: SchemaNode | false;
  readonly items?: SchemaNode;
  readonly "x-kubernetes-preserve-unknown-fields"?: true;
  readonly "x-kubernetes-int-or-string"?: true;
};

/**
 * Texts that mean something in some field, and texts that nobody thinks of. What the validation rules of the CRD reject is
 * refused by the API server, so the generator need not know them.
 */
const text: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("a", "alice", "lab-1", "/a", "/lab", "/home/jovyan/work", "/a/b", "key") },
  { weight: 2, arbitrary: fc.constantFrom("", "$(HOME)", "1", "true", "null", "a: 'b'", "ü", "example.org/a", "1Gi") },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme", maxLength: 80 }) },
);

const quantity: fc.Arbitrary<number | string> = fc.oneof(
  fc.constantFrom("1Gi", "100Mi", "0.5", "1e3", "", "1500m", "12345678901234567890"),
  fc.nat(),
);

/** Fields in which hardly any random value is admitted, by the end of their path. */
const KNOWN: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  "routing.host": fc.constantFrom("hub.example.org", "a.b", "localhost"),
  "routing.path": fc.oneof(fc.constantFrom("/", "/a", "a//b/", "/a,b/@c!", "/sessions/alice"), fc.string()),
  "routing.externalUrl": fc.constantFrom("https://hub.example.org", "http://localhost:8080/"),
  "auth.oidc.issuerUrl": fc.constantFrom("https://id.example.org", "https://id.example.org/realms/a"),
  "discovery.loginUrl": fc.constant("https://id.example.org/login"),
  "discovery.redeemUrl": fc.constant("https://id.example.org/token"),
  "discovery.jwksUrl": fc.constant("https://id.example.org/keys"),
  "jupyterServer.rootDir": fc.oneof(fc.constantFrom("/", "/home/jovyan", "/a b/ü"), text),
  mountPath: fc.oneof(fc.constantFrom("/data", "/home/jovyan/work/", "/a b/ü"), text),
  "jupyterServer.resources": fc.oneof(
    fc.record(
      {
        requests: fc.dictionary(fc.constantFrom("cpu", "memory"), fc.constantFrom("100m", "1", "256Mi", 1)),
        limits: fc.dictionary(fc.constantFrom("cpu", "memory", "nvidia.com/gpu"), fc.constantFrom("2", "1Gi", 3)),
      },
      { requiredKeys: [] },
    ),
    fc.object({ maxDepth: 2 }),
  ),
};

const name = fc.constantFrom("alice", "lab-1", "standard");

/** Values that Kubernetes accepts, by the end of the path: three in four, so that many servers get all their children. */
const PLAUSIBLE: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  ClassName: name,
  serviceAccountName: name,
  existingClaim: name,
  configMapName: name,
  "[].name": name,
  "Ref.name": name,
  "jupyterServer.image": fc.constantFrom("jupyter/minimal-notebook:latest", "registry.example.org:5000/lab@sha256:0"),
  "jupyterServer.nodeSelector": fc.dictionary(fc.constantFrom("zone", "example.org/gpu"), name, { maxKeys: 2 }),
  "routing.ingressAnnotations": fc.dictionary(fc.constantFrom("note", "example.org/a"), fc.string(), { maxKeys: 2 }),
  "env[].valueFrom": fc.constantFrom(
    { fieldRef: { fieldPath: "metadata.name" } },
    { secretKeyRef: { name: "a", key: "b" } },
  ),
  "jupyterServer.tolerations": fc.constantFrom([], [{ operator: "Exists" }], [{ key: "gpu", effect: "NoSchedule" }]),
  "jupyterServer.affinity": fc.constantFrom({}, { podAntiAffinity: {} }, { nodeAffinity: {} }),
  "jupyterServer.extraVolumes": fc.constantFrom(
    [{ name: "extra", emptyDir: {} }],
    [{ name: "extra", secret: { secretName: "a" } }],
  ),
  "jupyterServer.extraVolumeMounts": fc.constantFrom([], [{ name: "workspace", mountPath: "/mnt", readOnly: true }]),
  "jupyterServer.podLabels": fc.dictionary(fc.constantFrom("team", "example.org/a"), name, { maxKeys: 2 }),
  "jupyterServer.podAnnotations": fc.dictionary(fc.constantFrom("note", "example.org/a"), fc.string(), { maxKeys: 2 }),
  "lifecycle.postStart": fc.constantFrom({ exec: { command: ["true"] } }, { sleep: { seconds: 1 } }),
  "lifecycle.preStop": fc.constantFrom({ exec: { command: ["true"] } }, { httpGet: { port: 8888 } }),
  "sidecarResources.traefik": fc.constantFrom({}, { limits: { memory: "1Gi" } }),
  "pvc.selector": fc.constantFrom({}, { matchLabels: { a: "b" } }),
  "pvc.subPath": fc.constantFrom("a", "a/b"),
  "spec.patches": fc.constant([]),
};

const POD = "/statefulset/spec/template/spec";

/** Patches as clients send them, as they get them wrong, and as nobody would. */
const patch: fc.Arbitrary<unknown> = fc.oneof(
  fc.record({
    type: fc.constant("application/json-patch+json"),
    patch: fc.array(
      fc.record({
        op: fc.constantFrom("add", "replace", "remove", "test", "move", "copy"),
        path: fc.constantFrom(
          ...[`${POD}/containers/0/env/-`, `${POD}/containers/1/args/-`, `${POD}/containers/-`, `${POD}/volumes/-`],
          ...[`${POD}/hostNetwork`, "/ingress/metadata/annotations/a", "/service/spec/ports/0/port", "/configmap/data"],
          ...[
            "/extra",
            "/statefulset",
            "/secret/data/mine",
            "/pvc/spec",
            "",
            "/",
            "nonsense",
            "/service/metadata/name",
          ],
        ),
        from: fc.constantFrom("/service", `${POD}/volumes/0`, "/nowhere"),
        value: fc.oneof(
          fc.constantFrom({ name: "a", value: "b" }, { name: "x", emptyDir: {} }, "text", 1),
          fc.jsonValue(),
        ),
      }),
      { maxLength: 3 },
    ),
  }),
  fc.record({
    type: fc.constant("application/merge-patch+json"),
    patch: fc.oneof(
      fc.constantFrom(
        { ingress: null },
        { extra: { apiVersion: "v1", kind: "ConfigMap", metadata: {}, data: { a: "b" } } },
        { extra: { apiVersion: "v1", kind: "Pod", metadata: { name: "p" }, spec: {} } },
        { service: { spec: { type: "NodePort" } } },
        { statefulset: null },
      ),
      fc.dictionary(fc.constantFrom("service", "statefulset", "secret", "pvc", "extra"), fc.jsonValue()),
    ),
  }),
);

/** A value for a node of the schema: of the right type, and otherwise any. */
function valueOf(node: SchemaNode, path: string): fc.Arbitrary<unknown> {
  const known = Object.entries(KNOWN).find(([end]) => path.endsWith(end))?.[1];
  if (known !== undefined) return known;
  const plausible = Object.entries(PLAUSIBLE).find(([end]) => path.endsWith(end))?.[1];
  const any = anyValueOf(node, path);
  return plausible === undefined ? any : fc.oneof({ weight: 3, arbitrary: plausible }, { weight: 1, arbitrary: any });
}

function anyValueOf(node: SchemaNode, path: string): fc.Arbitrary<unknown> {
  if (path === "spec.auth.oidc") return fc.oneof(objectOf(node, path), objectOf(node, path).map(withLogin));
  if (path === "spec.patches") return fc.array(patch, { maxLength: 2 });
  if (node.enum !== undefined) return fc.constantFrom(...node.enum);
  if (node["x-kubernetes-int-or-string"] === true) return quantity;
  switch (node.type) {
    case "string":
      return text;
    case "boolean":
      return fc.boolean();
    case "integer":
      return fc.integer({ min: node.minimum ?? 0, max: node.maximum ?? 100_000 });
    case "array":
      return fc.array(valueOf(node.items ?? {}, `${path}[]`), { maxLength: 2 });
    case "object":
      return objectOf(node, path);
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

/** What a login needs at least. */
function withLogin(oidc: object): object {
  const needed = { issuerUrl: "https://id.example.org", clientId: "jupyter", clientSecret: { value: "$(s)" } };
  return { ...oidc, ...needed, enabled: true };
}

function objectOf(node: SchemaNode, path: string): fc.Arbitrary<object> {
  const { properties, required = [], additionalProperties } = node;
  if (properties === undefined) {
    const values =
      additionalProperties === undefined || additionalProperties === false ? undefined : additionalProperties;
    return values === undefined
      ? fc.dictionary(text, fc.jsonValue({ maxDepth: 1 }), { maxKeys: 2 })
      : fc.dictionary(text, valueOf(values, `${path}{}`), { maxKeys: 2 });
  }
  // Most fields are left to their defaults: a server with a random value in each is hardly ever admitted.
  const fields = Object.entries(properties).map(([name, field]) => {
    const value = valueOf(field, `${path}.${name}`);
    const isNeeded = required.includes(name) || path === "spec" || name === "host";
    const absent = { weight: isNeeded ? 0 : 4, arbitrary: fc.constant(undefined) };
    return [name, fc.oneof(absent, { weight: 1, arbitrary: value })] as const;
  });
  return fc
    .record(Object.fromEntries(fields))
    .map((value) => Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)));
}

/** Specs by the schema of `spec`. */
export function randomSpecs(spec: SchemaNode): fc.Arbitrary<unknown> {
  return valueOf(spec, "spec");
}
