import { DEFAULT_ANNOTATION_PREFIX, DEFAULT_IMAGES, VERSION_FLOORS } from "../api/src/index.ts";
import type { SchemaNode } from "../api/src/schema-kit.ts";

/** A value of the predecessor's chart, accepted so that its value files still work. */
const retired: SchemaNode = { description: "Of an earlier version; has no effect." };

const EXTRA_ARGS: SchemaNode = {
  type: "array",
  description: "Arguments after ours.",
  items: { type: "string", description: "An argument." },
};

/**
 * What an administrator can set in the chart: each value with its type, default and meaning. The chart's
 * `values.schema.json` and the reference page are made from it; a test compares it with `values.yaml`.
 */
export const chartValues: SchemaNode = group("", {
  image: group("Image of the controller.", {
    repository: text("amalthea/controller", "Name without tag."),
    tag: text("", "Tag; empty: the version of the chart."),
    pullPolicy: oneOf(["IfNotPresent", "Always", "Never"], "When the nodes pull it."),
  }),
  sidecarImages: group("Images of the containers that are added to a server with a login.", {
    traefik: text(DEFAULT_IMAGES.traefik, `The proxy in front of Jupyter; ${VERSION_FLOORS.traefik.version} or newer.`),
    oauth2Proxy: text(
      DEFAULT_IMAGES.oauth2Proxy,
      `Signs people in; ${VERSION_FLOORS["oauth2-proxy"].version} or newer.`,
    ),
    authorization: text("", "Decides who may enter; empty: `amalthea/authorization` of the chart's version."),
  }),
  sidecars: {
    ...group("Changes to these containers by the names above.", {
      traefik: sidecar("Of the proxy.", { extraArgs: EXTRA_ARGS }),
      oauth2Proxy: sidecar("Of what signs people in.", { extraArgs: EXTRA_ARGS }),
      authorization: sidecar("Of what decides who may enter.", {}),
    }),
    default: {},
  },
  imagePullSecrets: listOf(
    open("A Secret: `name`."),
    "Secrets with credentials for the registry of the controller's image.",
  ),
  nameOverride: text("", "Replaces the chart's name in the names of its objects."),
  fullnameOverride: text("", "Replaces release and chart name in the names of its objects."),
  deployCrd: flag(
    true,
    "Whether the release installs the CustomResourceDefinition; uninstalling the release keeps it.",
  ),
  scope: group("Where the controller looks after servers.", {
    clusterWide: flag(false, "In all namespaces."),
    namespaces: listOf(
      { ...scalar("string", "A namespace."), pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" },
      "In these namespaces; empty: in the release's own. Only without `clusterWide`.",
    ),
  }),
  replicas: count(2, "Replicas of the controller; one works, the others stand by.", { minimum: 0 }),
  workers: count(16, "Servers that are looked at at the same time.", { minimum: 1, maximum: 256 }),
  logLevel: oneOf(["info", "debug", "warn", "error"], "What the controller writes to its log."),
  extraChildResources: listOf(
    {
      ...group("A kind: its plural in lower case and its API group.", {
        name: scalar("string", "Plural, such as `configmaps`."),
        group: scalar("string", "API group; empty for the core group."),
      }),
      required: ["name"],
    },
    "Kinds that the patches of a server may add. The controller gets the right to write them.",
  ),
  policy: group("What servers may be. What already runs is never stopped by it.", {
    podSecurity: oneOf(
      ["", "privileged", "baseline", "restricted"],
      "Level of the Pod Security Standards that pods must meet after patches; empty: `baseline`, where servers that ran before keep what they had. A stricter label `pod-security.kubernetes.io/enforce` of the Namespace wins.",
    ),
    patches: group("What patches may change.", {
      kinds: texts(["*"], "Kinds of children that patches may change or add; `*`: any."),
      paths: texts(
        ["*"],
        "JSON pointers at or below which patches may change the children, such as `/statefulset/spec/template/spec/containers/0/env`; a segment `*`: any; `*` alone: all.",
      ),
    }),
    serviceAccounts: texts(
      ["*"],
      "Service accounts that pods may use besides `default`. In all lists of names `*` stands for any characters but `/`, `**` for any, and `*` alone for everything.",
    ),
    secrets: texts(["*"], "Secrets that pods and Ingresses may refer to, besides the server's own."),
    images: texts(
      ["*"],
      "Images, as they are written, such as `registry.example.org/lab/**`; our own are always allowed.",
    ),
    maxResources: open(
      "Most that one pod may ask for, by resource such as `cpu`, `memory`, `nvidia.com/gpu`; `storage`: the size of one volume. Of CPU and memory a limit is needed then.",
      {},
    ),
    services: group("What the Services of servers may be.", {
      types: texts([], "Types; empty: `ClusterIP`, where servers that ran before keep what they had."),
      externalIPs: flag(false, "Whether they may have external IP addresses."),
    }),
    serversPerNamespace: count(0, "Most servers of a namespace, the oldest first; 0: no limit.", { minimum: 0 }),
    routes: group("Which hosts and paths servers may have.", {
      allowed: texts(
        [],
        "Hosts, each with or without a path at or below which servers may be: `hub.example.org/{namespace}`, `*.{namespace}.example.org`. `*` stands for one label of the host; `{namespace}` and `{name}` are the server's. Empty: any.",
      ),
      namespaceAnnotation: flag(
        false,
        "Whether the annotation `amalthea.dev/allowed-routes` of a Namespace (separated by commas) adds to them; only where tenants cannot edit their Namespace.",
      ),
    }),
    ingressAnnotations: group("Annotations of Ingresses; what is not allowed is left out.", {
      denied: texts(
        [],
        "Names that are left out; empty: those by which an Ingress takes requests of others. `*`: all.",
      ),
      allowed: texts([], "Names that are passed on although they are denied."),
    }),
  }),
  annotationPrefix: text(
    DEFAULT_ANNOTATION_PREFIX,
    "Prefix of the annotations about activity and hibernation that clients read and write.",
  ),
  keepPredecessorAnnotations: flag(
    false,
    "Whether the predecessor's annotations stay on its servers, so that it could be put back; they hold tokens.",
  ),
  schedulerName: text("", "Scheduler of the servers' pods; empty: the cluster's default."),
  unschedulableGraceSeconds: count(600, "How long a pod may wait for a node before its server counts as failed.", {
    minimum: 0,
  }),
  restartLimits: group("Restarts after which a server that is not ready counts as failed.", {
    initContainers: count(1, "Of an init container.", { minimum: 0 }),
    containers: count(3, "Of another container.", { minimum: 0 }),
  }),
  networkPolicies: group("NetworkPolicy of each server.", {
    enabled: flag(true, "Whether servers get one."),
    ingressFrom: listOf(open("A NetworkPolicyPeer."), "Who may reach the port of the servers; empty: everybody."),
    egress: listOf(open("A NetworkPolicyEgressRule."), "Whom the servers may reach; empty: everybody."),
    controller: flag(false, "Whether the controller's pods get one, too: of them only the metrics can be reached."),
    clusterIpBlock: retired,
  }),
  metrics: group("Metrics of the controller, for Prometheus.", {
    enabled: flag(false, "Whether they are served."),
    port: count(8765, "Port at which they are served.", { minimum: 1, maximum: 65535 }),
    serviceMonitor: group("For the Prometheus operator, in place of the annotations on the Service.", {
      enabled: flag(false, "Whether the release makes a ServiceMonitor; needs `metrics.enabled`."),
      labels: mapOfText("Labels by which a Prometheus selects it."),
      interval: text("", "Time between two looks, such as `30s`; empty: that of the Prometheus."),
    }),
    extraLabels: retired,
  }),
  flowSchema: group("Share of the API server's attention; needs the right to make a FlowSchema.", {
    enabled: flag(false, "Whether the controller gets a FlowSchema of its own."),
    priorityLevel: text("workload-high", "Priority level of its requests."),
  }),
  serviceAccount: group("Service account of the controller.", {
    create: flag(true, "Whether the release makes one."),
    annotations: { ...mapOfText("Annotations of it.") },
    name: text("", "Its name; empty: the release's."),
  }),
  podAnnotations: mapOfText("Annotations of the controller's pods."),
  podLabels: mapOfText("Labels of the controller's pods; the chart's own stay as they are."),
  podSecurityContext: open("Security context of the controller's pods; added to what the chart sets.", {}),
  securityContext: open("Security context of the controller's container; added to what the chart sets.", {}),
  resources: open("Requests and limits of the controller.", {
    requests: { cpu: "100m", memory: "128Mi" },
    limits: { memory: "512Mi" },
  }),
  priorityClassName: text("", "Priority class of the controller's pods."),
  nodeSelector: mapOfText("Labels that the controller's nodes must have."),
  tolerations: listOf(open("A toleration."), "Taints that the controller's pods tolerate."),
  affinity: open(
    "Nodes and pods that the controller's pods are near to or far from, in place of the preference for different nodes.",
    {},
  ),
  topologySpreadConstraints: listOf(
    open("A topologySpreadConstraint."),
    "How the controller's pods are spread, over zones for instance.",
  ),
  extraEnv: listOf(open("An environment variable, as in a pod."), "Further environment variables of the controller."),
});

/** Values of the predecessor's chart that are accepted, so that its value files still work, and have no effect. */
export const retiredChartValues: readonly string[] = [
  ...["crdApiGroup", "crdApiVersion", "crdNames", "kopf", "culling", "resourceUsageCheck", "auditLog", "scheduler"],
  ...["envFromConfigMaps", "certificates", "csi-rclone", "global"],
];

/** The chart's `values.schema.json`: no key but the known ones, so that a misspelt one is noticed. */
export function chartValuesSchema(): object {
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Values of the chart amalthea",
    ...closed(chartValues),
    properties: {
      ...propertiesOf(closed(chartValues)),
      ...Object.fromEntries(retiredChartValues.map((name) => [name, retired])),
    },
    // namespaces and clusterWide exclude each other
    not: {
      required: ["scope"],
      properties: {
        scope: {
          properties: { clusterWide: { const: true }, namespaces: { minItems: 1 } },
          required: ["clusterWide", "namespaces"],
        },
      },
    },
  };
}

function propertiesOf(node: SchemaNode): Readonly<Record<string, SchemaNode>> {
  return node.properties ?? {};
}

function closed(node: SchemaNode): SchemaNode {
  if (node.items !== undefined) return { ...node, items: closed(node.items) };
  if (node.properties === undefined) return node;
  const properties = Object.entries(node.properties).map(([name, child]) => [name, closed(child)] as const);
  return { ...node, properties: Object.fromEntries(properties), additionalProperties: false };
}

function group(description: string, properties: Readonly<Record<string, SchemaNode>>): SchemaNode {
  return { type: "object", ...(description === "" ? {} : { description }), properties };
}

/** What can be changed about a container; nothing has a default, because what is not given stays as it is. */
function sidecar(description: string, more: Readonly<Record<string, SchemaNode>>): SchemaNode {
  return group(description, { resources: open("Requests and limits, in place of the defaults."), ...more });
}

function scalar(type: "string" | "boolean" | "integer", description: string): SchemaNode {
  return { type, description };
}

function text(value: string, description: string): SchemaNode {
  return { ...scalar("string", description), default: value };
}

function flag(value: boolean, description: string): SchemaNode {
  return { ...scalar("boolean", description), default: value };
}

function count(value: number, description: string, limits: Pick<SchemaNode, "minimum" | "maximum">): SchemaNode {
  return { ...scalar("integer", description), ...limits, default: value };
}

/** One of some texts; the first is the default. */
function oneOf(values: readonly string[], description: string): SchemaNode {
  return { ...scalar("string", description), enum: values, default: values[0] };
}

function listOf(items: SchemaNode, description: string): SchemaNode {
  return { type: "array", description, items, default: [] };
}

function texts(value: readonly string[], description: string): SchemaNode {
  return { ...listOf(scalar("string", "A text."), description), default: value };
}

function mapOfText(description: string): SchemaNode {
  return { type: "object", description, additionalProperties: { type: "string" }, default: {} };
}

/** An object that is passed on as it is. */
function open(description: string, value?: object): SchemaNode {
  return { type: "object", description, ...(value === undefined ? {} : { default: value }) };
}
