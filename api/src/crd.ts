import { GROUP, KIND, MAX_NAME_LENGTH, PLURAL, SHORT_NAME, SINGULAR, VERSION } from "./names.ts";
import { jointRule, type Rule, type SchemaNode } from "./schema-kit.ts";
import { specSchema } from "./spec-schema.ts";
import { statusSchema } from "./status-schema.ts";

/** Manifest of the CustomResourceDefinition. */
export type CustomResourceDefinition = {
  readonly apiVersion: "apiextensions.k8s.io/v1";
  readonly kind: "CustomResourceDefinition";
  readonly metadata: { readonly name: string; readonly annotations: Readonly<Record<string, string>> };
  readonly spec: {
    readonly group: string;
    readonly names: Readonly<Record<string, string | readonly string[]>>;
    readonly scope: "Namespaced";
    readonly versions: readonly {
      readonly name: string;
      readonly served: boolean;
      readonly storage: boolean;
      readonly subresources: Readonly<Record<string, Readonly<Record<string, string>>>>;
      readonly additionalPrinterColumns: readonly PrinterColumn[];
      readonly schema: { readonly openAPIV3Schema: SchemaNode };
    }[];
  };
};

export type PrinterColumn = {
  readonly name: string;
  readonly type: "string" | "date";
  readonly description: string;
  readonly jsonPath: string;
  /** 1 shows the column only with `kubectl get -o wide`. */
  readonly priority?: 1;
};

// Rules for names apply only to new objects: the root node changes with every write, and names never do.
const nameRules: readonly Rule[] = [
  {
    rule: `oldSelf.hasValue() || self.metadata.name.size() <= ${MAX_NAME_LENGTH}`,
    message: `metadata.name must have at most ${MAX_NAME_LENGTH} characters: labels of the server's pod allow no more`,
    optionalOldSelf: true,
  },
  {
    rule: "oldSelf.hasValue() || self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
    message:
      "metadata.name must begin with a letter and contain only lower-case letters, digits and '-': the server's Service has the same name",
    optionalOldSelf: true,
  },
];

// At the root, because everything below has a default, and the API server validates the defaults, too.
const hostRule: Rule = jointRule(
  (self) => `has(${self}.spec.routing.host) && ${self}.spec.routing.host != ''`,
  "routing.host is missing: set it to the host name under which the server is reached",
  { reason: "FieldValueRequired", fieldPath: ".spec.routing.host" },
);

const columns: readonly PrinterColumn[] = [
  column("State", "starting, running, failed, stopping or hibernated", ".status.state"),
  column("Ready", "Whether the server can be opened", '.status.conditions[?(@.type=="Ready")].status'),
  column("Image", "Image of the Jupyter server", ".spec.jupyterServer.image"),
  column("URL", "Address of the server", ".status.create_fn.fullServerURL"),
  column("Hibernates At", "When a limit hibernates the server", ".status.willHibernateAt"),
  { ...column("Deleted At", "When a limit deletes the server", ".status.willBeDeletedAt"), priority: 1 },
  { ...column("Limit", "The limit that will be reached first", ".status.cullingReason"), priority: 1 },
  { ...column("Pod Status", "Phase of the pod", ".status.mainPod.status.phase"), priority: 1 },
  {
    ...column("Reason", "Why the server is ready or not", '.status.conditions[?(@.type=="Ready")].reason'),
    priority: 1,
  },
  {
    ...column("Hibernated", "What hibernated the server", '.status.conditions[?(@.type=="Hibernated")].message'),
    priority: 1,
  },
  { ...column("Age", "Time since the server was created", ".metadata.creationTimestamp"), type: "date" },
];

/** Uninstalling the chart, or removing it from an Argo CD application, must not delete everybody's servers. */
const KEPT: Readonly<Record<string, string>> = {
  "helm.sh/resource-policy": "keep",
  "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
};

/** The CustomResourceDefinition of `JupyterServer`, as the chart installs it. */
export const jupyterServerCrd: CustomResourceDefinition = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `${PLURAL}.${GROUP}`, annotations: KEPT },
  spec: {
    group: GROUP,
    names: {
      kind: KIND,
      listKind: `${KIND}List`,
      plural: PLURAL,
      singular: SINGULAR,
      shortNames: [SHORT_NAME],
      categories: ["all"],
    },
    scope: "Namespaced",
    versions: [
      {
        name: VERSION,
        served: true,
        storage: true,
        subresources: { status: {} },
        additionalPrinterColumns: columns,
        schema: {
          openAPIV3Schema: {
            type: "object",
            description: "A Jupyter server.",
            properties: {
              apiVersion: { type: "string" },
              kind: { type: "string" },
              metadata: { type: "object" },
              spec: specSchema,
              status: statusSchema,
            },
            "x-kubernetes-validations": [...nameRules, hostRule],
          },
        },
      },
    ],
  },
};

function column(name: string, description: string, jsonPath: string): PrinterColumn {
  return { name, type: "string", description, jsonPath };
}
