import { DEFAULT_ANNOTATION_PREFIX, DEFAULT_IMAGES, serverDefaultsSchema, VERSION_FLOORS } from "../api/src/index.ts";
import type { SchemaNode } from "../api/src/schema-kit.ts";
import { containerQuantitiesSchema, quantitiesSchema, ruleSchemas } from "./defaults-rules.ts";
import { podPartDefinitions, podPartSchemas } from "./pod-part-schemas.ts";

/** A value of the legacy chart (0.24), accepted so that its value files still work. */
const retired: SchemaNode = { description: "Value of the legacy chart (0.24); accepted without effect." };

/** Name of the controller's image. */
export const CONTROLLER_REPOSITORY = "amalthea/controller";

/** The largest user or group that a container can have. */
const MAX_ID = 2_147_483_647;

const PROXY_ADDRESS = "^https?://[^/]";

const EXTRA_ARGS: SchemaNode = {
  type: "array",
  description: "Additional arguments, appended to the default ones.",
  items: { type: "string", description: "An argument." },
};

/**
 * What an administrator can set in the chart: each value with its type, default and meaning. The chart's
 * `values.yaml`, `values.schema.json` and the reference page are generated from it.
 */
export const chartValues: SchemaNode = group("", {
  image: group("Image of the controller.", {
    repository: text(
      CONTROLLER_REPOSITORY,
      "Repository, without tag; that of 0.24, `renku/amalthea`, is treated as unset.",
    ),
    tag: text(
      "",
      "Tag; empty: the version of the chart. One that begins with `0.` belongs to 0.24 and is treated as unset.",
    ),
    pullPolicy: oneOf(["IfNotPresent", "Always", "Never"], "Image pull policy."),
  }),
  sidecarImages: group("Images of the sidecar containers of a server with OpenID Connect login.", {
    traefik: text(
      DEFAULT_IMAGES.traefik,
      `Reverse proxy in front of Jupyter; ${VERSION_FLOORS.traefik.version} or newer.`,
    ),
    oauth2Proxy: text(
      DEFAULT_IMAGES.oauth2Proxy,
      `Signs users in; ${VERSION_FLOORS["oauth2-proxy"].version} or newer.`,
    ),
    authorization: text("", "Authorizes users; empty: `amalthea/authorization` of the chart's version."),
  }),
  sidecars: {
    ...group("Settings of these containers, by the names above.", {
      traefik: sidecar("traefik.", { extraArgs: EXTRA_ARGS }),
      oauth2Proxy: sidecar("oauth2-proxy.", { extraArgs: EXTRA_ARGS }),
      authorization: sidecar("The authorization service.", {}),
      securityContext: group(
        "User and group of all three. Unset: 65532. Otherwise only the fields in it are set: with `{}` the platform assigns both, as OpenShift does.",
        {
          runAsUser: { ...scalar("integer", "User, not root."), minimum: 1, maximum: MAX_ID },
          runAsGroup: { ...scalar("integer", "Primary group."), minimum: 0, maximum: MAX_ID },
        },
      ),
      proxy: group(
        "Proxy through which oauth2-proxy and the authorization service reach the provider; for Jupyter, set the variables in `serverDefaults.jupyterServer.env`.",
        {
          httpProxy: {
            ...scalar("string", "For http, such as `http://proxy.example.org:3128`."),
            pattern: PROXY_ADDRESS,
          },
          httpsProxy: { ...scalar("string", "For https."), pattern: PROXY_ADDRESS },
          noProxy: {
            ...scalar(
              "string",
              "Comma-separated hosts and domains to reach directly, such as `.svc`; loopback always is.",
            ),
            minLength: 1,
          },
        },
      ),
    }),
    default: {},
  },
  imagePullSecrets: listOf(open("A Secret: `name`."), "Image pull secrets of the controller's pods."),
  nameOverride: text("", "Replaces the name of the chart in the names of its objects."),
  fullnameOverride: text("", "Replaces the names of release and chart in the names of its objects."),
  deployCrd: flag(
    true,
    "Whether the release installs the CustomResourceDefinition; uninstalling the release keeps it.",
  ),
  scope: group("Namespaces whose servers the controller manages.", {
    clusterWide: flag(false, "Whether the controller manages servers in all namespaces."),
    namespaces: listOf(
      { ...scalar("string", "A namespace."), pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", maxLength: 63 },
      "Namespaces in which the controller manages servers; empty: the release's own. Cannot be combined with `clusterWide`.",
    ),
  }),
  replicas: count(2, "Replicas of the controller; one is the leader, the others are on standby.", { minimum: 0 }),
  workers: count(16, "Maximum number of concurrent reconciles.", { minimum: 1, maximum: 256 }),
  logLevel: oneOf(["info", "debug", "warn", "error"], "Minimum level of log messages."),
  extraChildResources: listOf(
    {
      ...group("A kind, by plural and API group.", {
        name: scalar("string", "Plural, such as `configmaps`."),
        group: scalar("string", "API group; empty for the core group."),
      }),
      required: ["name"],
    },
    "Additional kinds that patches may add as children. The controller is granted the permissions to write them.",
  ),
  policy: group("Restrictions on servers. They never stop what is already running.", {
    podSecurity: oneOf(
      ["", "privileged", "baseline", "restricted"],
      "Level of the Pod Security Standards that pods must meet after patches; empty: `baseline`, with existing violations of running servers tolerated. A stricter label `pod-security.kubernetes.io/enforce` of the Namespace takes precedence.",
    ),
    patches: group("What patches may change.", {
      kinds: texts(["*"], "Kinds of children that patches may change or add; `*`: any."),
      paths: {
        ...listOf(
          { ...scalar("string", "A JSON pointer, or `*`."), pattern: "^([*]$|/)" },
          "JSON pointers at or below which patches may change the children, such as `/statefulset/spec/template/spec/containers/0/env`; a segment `*`: any; `*` alone: all.",
        ),
        default: ["*"],
      },
    }),
    fields: texts(
      [],
      "Spec fields that can do what a patch does and that servers may set, such as `jupyterServer.podLabels`; see [the guide](../guide/policies.md). Empty: all where `patches` is not limited, otherwise none. `*`: all.",
    ),
    serviceAccounts: texts(
      ["*"],
      "Service accounts that pods may use besides `default`, and whose tokens Secrets may request. In all lists of names, `*` matches any characters but `/`, `**` any characters, and a lone `*` everything.",
    ),
    priorityClasses: texts(
      ["*"],
      "Priority classes that pods may use. `*` does not include those of the cluster itself (`system-…`): name them to allow them.",
    ),
    secrets: texts(["*"], "Secrets that pods may refer to, besides the server's own."),
    images: texts(
      ["*"],
      "Allowed images, as written in the pod, such as `registry.example.org/lab/**`; those of the sidecars are always allowed.",
    ),
    maxResources: open(
      "Maximum resources of one pod, by name, such as `cpu`, `memory`, `nvidia.com/gpu`; `storage`: maximum size of one volume. If set for CPU or memory, pods must have a limit.",
      {},
    ),
    services: group("Restrictions on the Services of servers.", {
      types: texts([], "Allowed types; empty: `ClusterIP`, with existing violations of running servers tolerated."),
      externalIPs: flag(false, "Whether Services may have external IP addresses."),
    }),
    serversPerNamespace: count(0, "Maximum number of servers in a namespace; the oldest are kept. 0: no limit.", {
      minimum: 0,
    }),
    routes: group("Allowed hosts and paths of servers.", {
      allowed: texts(
        [],
        "Hosts, each optionally with a path at or below which servers may be served: `hub.example.org/{namespace}`, `*.{namespace}.example.org`. `*` matches one label of the host; `{namespace}` and `{name}` are those of the server. Empty: any.",
      ),
      namespaceAnnotation: flag(
        false,
        "Whether the annotation `amalthea.dev/allowed-routes` of a Namespace (comma-separated) adds to them; enable it only if tenants cannot edit their Namespace.",
      ),
    }),
    ingressAnnotations: group("Annotations of Ingresses; those that are not allowed are omitted.", {
      denied: texts(
        [],
        "Annotations to omit; empty: those by which an Ingress can capture requests of other servers. `*`: all. Annotations of Services and pods that give them a DNS name are omitted as well.",
      ),
      allowed: texts([], "Exceptions from `denied`."),
    }),
  }),
  externalTls: flag(
    false,
    "Whether TLS is terminated in front of the cluster: then servers without `routing.tls` and `routing.externalUrl` are reached at `https://` and their host.",
  ),
  admissionPolicies: group(
    "ValidatingAdmissionPolicies, by which the API server refuses invalid or forbidden objects when they are written. Installing them needs permission to create them.",
    {
      enabled: flag(
        false,
        "Whether the release creates them. They check fields, hosts, images, service accounts and patches against `policy`, and who changes what.",
      ),
      validationActions: texts(["Deny"], "Action on a violation: `Deny`, or `Warn` and `Audit`."),
      authEditors: subjects("Who may set or change `spec.auth` of a server; empty: everybody who may write servers."),
      patchEditors: subjects(
        "Who may set or change `spec.patches` of a server; empty: everybody who may write servers. The same applies to the spec fields that can do what a patch does, unless `policy.fields` lists them.",
      ),
    },
  ),
  serverDefaults: open(
    "Defaults for the specs of all servers, in the form of `spec`, such as `jupyterServer.tolerations`; see [the guide](../guide/defaults.md).",
    {},
  ),
  annotationPrefix: text(
    DEFAULT_ANNOTATION_PREFIX,
    "Prefix of the annotations about activity and hibernation that clients read and write.",
  ),
  keepPredecessorAnnotations: flag(
    false,
    "Whether the annotations of the legacy version (0.24) stay on migrated servers, so that rolling back to it is possible; they contain tokens.",
  ),
  schedulerName: text("", "Scheduler of the servers' pods; empty: as `scheduler` says."),
  scheduler: group("Scheduler of the servers' pods where `schedulerName` is empty; default: the cluster's.", {
    custom: group("An existing scheduler.", {
      enabled: flag(false, "Whether it is used; takes precedence over `packing`."),
      name: text("", "Its name."),
    }),
    packing: group(
      "A kube-scheduler that belongs to the release, `FULLNAME-scheduler`, and fills one node before the next.",
      {
        enabled: flag(false, "Whether it is installed and used. Needs permission to bind `system:kube-scheduler`."),
        image: group("Its image.", {
          repository: text("registry.k8s.io/kube-scheduler", "Name without tag."),
          tag: text("", "Tag; empty: the version of the cluster."),
          pullPolicy: oneOf(["IfNotPresent", "Always", "Never"], "Image pull policy."),
        }),
      },
    ),
  }),
  unschedulableGraceSeconds: count(600, "How long a pod may be unschedulable before its server counts as failed.", {
    minimum: 0,
  }),
  restartLimits: group("Container restarts after which a server that is not ready counts as failed.", {
    initContainers: count(1, "Restarts of an init container.", { minimum: 0 }),
    containers: count(3, "Restarts of any other container.", { minimum: 0 }),
  }),
  networkPolicies: group("NetworkPolicies of the servers and of the controller.", {
    enabled: flag(true, "Whether each server gets a NetworkPolicy."),
    ingressFrom: listOf(
      open("A NetworkPolicyPeer."),
      "Peers from which ingress to the port of the servers is allowed; empty: all.",
    ),
    egress: listOf(open("A NetworkPolicyEgressRule."), "Egress rules of the servers; empty: all egress is allowed."),
    controller: flag(
      false,
      "Whether the controller's pods get a NetworkPolicy, too; it allows ingress to the metrics port only.",
    ),
    clusterIpBlock: retired,
  }),
  culling: group("Limits after which servers are hibernated or deleted.", {
    enforced: flag(true, "Whether limits are enforced; otherwise the status only shows when they would apply."),
    defaults: limits("Limits of servers that set none in `spec.culling`."),
    maximums: limits(
      "Upper bounds; they also apply to servers that set no limit, and to `spec.culling.keepAliveUntil`.",
    ),
    hibernateWithoutVolume: flag(false, "Whether servers without a volume are hibernated, which deletes their files."),
    openTabsAreActivity: flag(
      true,
      "Whether a server that is open in a browser counts as active even without input, because of the browser's connections and requests.",
    ),
    cpuUsageMillicoresIdleThreshold: count(
      0,
      "CPU use of a pod, in millicores, above which it counts as active; needs a metrics API. 0: CPU use does not count.",
      { minimum: 0 },
    ),
    warnSeconds: count(
      0,
      "How long before a limit hibernates or deletes a server the condition `HibernationPending` or `DeletionPending` and an Event announce it; 0: no warning. There is no warning for a server that is already past a limit when the limit is shortened or switched on.",
      { minimum: 0 },
    ),
    unknownAfterSeconds: count(
      600,
      "How long the activity of a server may be unreadable before the condition `ActivityUnknown` is set.",
      { minimum: 0 },
    ),
    jupyterServerIdleCheckIntervalSeconds: retired,
  }),
  resourceUsageCheck: group("Measurement of what servers use, for their status and for metrics.", {
    enabled: flag(true, "Whether CPU and memory are read from the metrics API, if the cluster has one."),
    intervalSeconds: count(30, "Time between two measurements.", { minimum: 5, maximum: 3600 }),
    kubelet: group("Disk usage, which only the kubelets know.", {
      enabled: flag(
        false,
        "Whether kubelets are queried. Grants `get` on `nodes/stats` to a separate service account; the kubelets' certificates have to be signed by a known authority.",
      ),
      port: count(10_250, "Port of the kubelets.", { minimum: 1, maximum: 65_535 }),
      caConfigMap: group("ConfigMap in the release's namespace with the certificate authorities of the kubelets.", {
        name: text("", "Name; empty: the authority that also signed the API server's certificate."),
        key: text("ca.crt", "Key of the PEM file."),
      }),
    }),
  }),
  metrics: group("Metrics of the controller, for Prometheus.", {
    enabled: flag(false, "Whether metrics are served."),
    port: count(8765, "Port at which they are served.", { minimum: 1, maximum: 65535 }),
    serviceMonitor: group("ServiceMonitor for the Prometheus operator, instead of the annotations on the Service.", {
      enabled: flag(false, "Whether the release creates a ServiceMonitor; requires `metrics.enabled`."),
      labels: mapOfText("Labels by which a Prometheus selects the ServiceMonitor."),
      interval: text("", "Scrape interval, such as `30s`; empty: the default of the Prometheus."),
    }),
    dashboard: group("Dashboard for Grafana, in a ConfigMap that its sidecar finds.", {
      enabled: flag(false, "Whether the release creates the ConfigMap."),
      namespace: text("", "Namespace of the ConfigMap; empty: the release's own."),
      labels: { ...mapOfText("Labels by which the sidecar finds it."), default: { grafana_dashboard: "1" } },
      annotations: mapOfText("Annotations, such as `grafana_folder`."),
    }),
    prometheusRule: group("Alerts, as a PrometheusRule for the Prometheus operator.", {
      enabled: flag(false, "Whether the release creates a PrometheusRule; requires `metrics.enabled`."),
      labels: mapOfText("Labels by which a Prometheus selects the PrometheusRule."),
    }),
    legacyNames: flag(false, "Whether the metrics of 0.24 (`sessions_…`) are served, too."),
    extraMetricsLabels: texts(
      [],
      "Labels of servers, or annotations if there is no such label, that the metrics of 0.24 have as labels; each value creates a separate series.",
    ),
    extraLabels: retired,
  }),
  auditLog: group(
    "Audit log: one JSON line for each change of a server's state; see [the guide](../guide/audit-log.md). Written to the standard output of the controller unless `s3` or `claimName` is set, else to files.",
    {
      enabled: flag(false, "Whether it is written."),
      extraLabels: texts([], "Labels or annotations of servers to include in each line."),
      claimName: text(
        "",
        "An existing PersistentVolumeClaim for the files; with more than one replica it must be `ReadWriteMany`. At most `maxMebibytes` are kept there: without `s3`, older lines are deleted. Empty: a volume that is deleted with the pod.",
      ),
      s3: group("Upload of rotated files to S3-compatible storage; default: none.", {
        endpoint: text("", "URL of the service, without the bucket."),
        bucket: text("", "The bucket, which must exist."),
        pathPrefix: text("", "Prefix of the keys."),
        region: text("", "Region; empty: the one in an AWS endpoint, otherwise `us-east-1`."),
        credentialsSecret: text(
          "",
          "A Secret in the namespace of the release with `accessKeyId` and `secretAccessKey`; it may be changed at any time.",
        ),
        accessKeyId: text("", "Alternative to `credentialsSecret`, as in 0.24: the release creates the Secret."),
        secretAccessKey: text("", "Alternative to `credentialsSecret`, as in 0.24."),
        caConfigMap: group("ConfigMap in the release's namespace with the certificate authorities of the service.", {
          name: text("", "Name; empty: the public authorities."),
          key: text("ca.crt", "Key of the PEM file, which may be changed at any time."),
        }),
      }),
      rotationSeconds: count(86_400, "Age at which a file is rotated.", { minimum: 10 }),
      rotationMebibytes: count(16, "Size at which a file is rotated.", { minimum: 1, maximum: 64 }),
      maxMebibytes: count(
        256,
        "Maximum total size of the files; the oldest is deleted first, uploaded or not. At least twice `rotationMebibytes`.",
        { minimum: 2 },
      ),
    },
  ),
  flowSchema: group(
    "API Priority and Fairness for the controller's requests; installing it needs permission to create a FlowSchema.",
    {
      enabled: flag(false, "Whether the release creates a FlowSchema for the controller."),
      priorityLevel: text("workload-high", "PriorityLevelConfiguration of the controller's requests."),
    },
  ),
  serviceAccount: group("Service account of the controller.", {
    create: flag(true, "Whether the release creates the service account."),
    annotations: { ...mapOfText("Annotations of the service account.") },
    name: text("", "Name of the service account; empty: that of the release."),
  }),
  podAnnotations: mapOfText("Annotations of the controller's pods."),
  podLabels: mapOfText("Additional labels of the controller's pods; those of the chart cannot be overridden."),
  podSecurityContext: open("Security context of the controller's pods; merged with that of the chart.", {}),
  securityContext: open("Security context of the controller's container; merged with that of the chart.", {}),
  resources: open("Resource requests and limits of the controller.", {
    requests: { cpu: "100m", memory: "128Mi" },
    limits: { memory: "512Mi" },
  }),
  priorityClassName: text("", "Priority class of the controller's pods."),
  nodeSelector: mapOfText("Node selector of the controller's pods."),
  tolerations: listOf(open("A toleration."), "Tolerations of the controller's pods."),
  affinity: open("Affinity of the controller's pods; replaces the default, which prefers different nodes.", {}),
  topologySpreadConstraints: listOf(
    open("A topologySpreadConstraint."),
    "Topology spread constraints of the controller's pods.",
  ),
  extraEnv: listOf(
    open("An environment variable, as in a pod."),
    "Additional environment variables of the controller.",
  ),
  enabled: scalar("boolean", "Whether an umbrella chart includes this chart, for its `condition`."),
  global: open("Values of an umbrella chart; not read here."),
  "csi-rclone": open(
    "Value of the 0.24 chart, which installed this CSI driver; `install: true` is refused, because this chart does not.",
  ),
});

/** Whole groups of the legacy (0.24) chart that are accepted, so that its value files still work, and have no effect. */
const retiredGroups: readonly string[] = [
  ...["crdApiGroup", "crdApiVersion", "crdNames", "kopf"],
  ...["envFromConfigMaps", "certificates"],
];

/** Every value that is accepted and has no effect, as a dotted path; NOTES.txt names those that were given. */
export const retiredChartValues: readonly string[] = [
  ...retiredGroups,
  ...retiredBelow(chartValues, ""),
  "global.certificates.customCAs", // its parents may be an umbrella chart's
];

function retiredBelow(node: SchemaNode, path: string): readonly string[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, child]) =>
    child === retired ? [`${path}${name}`] : retiredBelow(child, `${path}${name}.`),
  );
}

/**
 * The default of each value by its dotted path, for values that a release's former chart did not have. Without
 * `resources`, which every chart had: whoever takes them away with `null` wants none.
 */
export const chartDefaults: Readonly<Record<string, unknown>> = Object.fromEntries(
  defaultsBelow(chartValues, "").filter(([path]) => path !== "resources"),
);

function defaultsBelow(node: SchemaNode, path: string): readonly (readonly [string, unknown])[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, child]) =>
    child.default === undefined
      ? defaultsBelow(child, `${path}${name}.`)
      : [[`${path}${name}`, child.default] as const],
  );
}

/** Resources of a container of the login: no field but those of Kubernetes, and no amount that is not a quantity. */
const sidecarResources: object = {
  allOf: [
    { $ref: "#/definitions/ResourceRequirements" },
    { properties: { limits: containerQuantitiesSchema, requests: containerQuantitiesSchema } },
  ],
};

const ofSidecar: object = { properties: { resources: { $ref: "#/definitions/sidecarResources" } } };

/** The chart's `values.schema.json`: no key but the known ones, so that a misspelt one is rejected. */
export function chartValuesSchema(): object {
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Values of the chart amalthea",
    ...closed(chartValues),
    properties: {
      ...propertiesOf(closed(chartValues)),
      serverDefaults: {
        ...jsonSchema(serverDefaultsSchema, ""),
        description: "Defaults for the specs of all servers.",
      },
      ...Object.fromEntries(retiredGroups.map((name) => [name, retired])),
    },
    definitions: { ...podPartDefinitions(), sidecarResources },
    allOf: [
      { properties: { policy: { properties: { maxResources: quantitiesSchema } } } },
      {
        properties: {
          sidecars: { properties: { traefik: ofSidecar, oauth2Proxy: ofSidecar, authorization: ofSidecar } },
        },
      },
    ],
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

/** The schema of the CRD in the terms of JSON schema, which has neither CEL nor Kubernetes' extensions. */
function jsonSchema(node: SchemaNode, path: string): object {
  const { properties, additionalProperties, items } = node;
  const plain = Object.entries(node).filter(([key]) => !key.startsWith("x-kubernetes-"));
  const rules = [...ruleSchemas(node, path), ...podPartSchemas(node, path)];
  const isClosed = properties !== undefined && node["x-kubernetes-preserve-unknown-fields"] !== true;
  return {
    ...Object.fromEntries(plain),
    ...(node["x-kubernetes-int-or-string"] === true ? { type: ["integer", "string"] } : {}),
    ...(items === undefined ? {} : { items: jsonSchema(items, `${path}[]`) }),
    ...(typeof additionalProperties === "object"
      ? { additionalProperties: jsonSchema(additionalProperties, `${path}{}`) }
      : {}),
    ...(properties === undefined
      ? {}
      : {
          properties: mapValues(properties, (child, name) => jsonSchema(child, path === "" ? name : `${path}.${name}`)),
        }),
    ...(isClosed ? { additionalProperties: false } : {}),
    ...(rules.length === 0 ? {} : { allOf: rules }),
  };
}

function mapValues<T>(
  nodes: Readonly<Record<string, SchemaNode>>,
  change: (node: SchemaNode, name: string) => T,
): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(nodes).map(([name, node]) => [name, change(node, name)]));
}

function propertiesOf(node: SchemaNode): Readonly<Record<string, SchemaNode>> {
  return node.properties ?? {};
}

function closed(node: SchemaNode): SchemaNode {
  if (node.items !== undefined) return { ...node, items: closed(node.items) };
  if (node.properties === undefined) return node;
  return { ...node, properties: mapValues(node.properties, closed), additionalProperties: false };
}

function group(description: string, properties: Readonly<Record<string, SchemaNode>>): SchemaNode {
  return { type: "object", ...(description === "" ? {} : { description }), properties };
}

/** Settings of a sidecar container; they have no defaults, because what is not set is not changed. */
function sidecar(description: string, more: Readonly<Record<string, SchemaNode>>): SchemaNode {
  return group(description, { resources: open("Resource requests and limits; replace the defaults."), ...more });
}

/** A limit of each kind, in seconds. */
function limits(description: string): SchemaNode {
  const seconds = (what: string): SchemaNode => count(0, `${what} 0: none.`, { minimum: 0 });
  return group(`${description} In seconds.`, {
    idleSeconds: seconds("Time without activity until hibernation."),
    maxAgeSeconds: seconds("Time from creation or resume until hibernation."),
    startingSeconds: seconds("Time in the state `starting` until deletion, or hibernation of a server that was ready."),
    failedSeconds: seconds("Time in the state `failed` until deletion, or hibernation of a server that was ready."),
    hibernatedSeconds: seconds("Time in hibernation until deletion."),
  });
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

/** An integer that keeps its value on the way to the controller. */
function count(value: number, description: string, limits: Pick<SchemaNode, "minimum" | "maximum">): SchemaNode {
  return { ...scalar("integer", description), maximum: Number.MAX_SAFE_INTEGER, ...limits, default: value };
}

/** One of several strings; the first is the default. */
function oneOf(values: readonly string[], description: string): SchemaNode {
  return { ...scalar("string", description), enum: values, default: values[0] };
}

function listOf(items: SchemaNode, description: string): SchemaNode {
  return { type: "array", description, items, default: [] };
}

/** As in a RoleBinding. */
function subjects(description: string): SchemaNode {
  const subject: SchemaNode = {
    ...group("A user, a group or a service account.", {
      kind: oneOf(["User", "Group", "ServiceAccount"], "Kind."),
      name: scalar("string", "Name."),
      namespace: scalar("string", "Namespace of a service account."),
    }),
    required: ["kind", "name"],
  };
  return listOf(subject, description);
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
