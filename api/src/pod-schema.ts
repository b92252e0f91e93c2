import type {
  EnvFromSource,
  ExtraPort,
  Lifecycle,
  PodFragment,
  OptionalReference,
  PodSettings,
  ProbeThresholds,
  SidecarResources,
  TopologySpreadConstraint,
  UserIds,
} from "./jupyter-server.ts";
import {
  ACTIVITY_PORT_NAME,
  HTTP_PORT_NAME,
  OUR_PREFIX,
  RESERVED_POD_ANNOTATIONS,
  RESERVED_POD_LABELS,
  RESERVED_PORTS,
} from "./names.ts";
import {
  anyObject,
  boolean,
  choice,
  integer,
  list,
  map,
  object,
  required,
  rule,
  ruleInList,
  string,
  type Fields,
  type Rule,
  type Schema,
} from "./schema-kit.ts";

/** Label names: an optional DNS prefix, and a name of at most 63 characters. */
export const LABEL_NAME = "^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";
const LABEL_VALUE = "^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$";

/** Limits the cost that the API server estimates for a rule over all keys. */
const MAX_ENTRIES = 64;

function nameRules(field: string, reserved: readonly string[]): readonly Rule[] {
  const names = reserved.map((name) => `'${name}'`).join(", ");
  return [
    rule(
      `self.all(name, !name.startsWith('${OUR_PREFIX}') && !(name in [${names}]))`,
      `${field} must not contain ${reserved.join(", ")} or names that begin with ${OUR_PREFIX}: they are reserved; use other names`,
    ),
    rule(
      `self.all(name, name.matches(r'${LABEL_NAME}'))`,
      `${field} must have names such as team or example.org/team, with at most 63 letters, digits and -_. after the slash`,
    ),
  ];
}

const optionalReference: Fields<OptionalReference> = {
  name: required(string("Name.", { minLength: 1 })),
  optional: boolean("Whether the container also starts without it."),
};

const envFrom = object<EnvFromSource>(
  "A source of variables.",
  {
    prefix: string("Prefix of the names of the variables."),
    configMapRef: object<OptionalReference>("A ConfigMap.", optionalReference),
    secretRef: object<OptionalReference>("A Secret.", optionalReference),
  },
  {
    rules: [
      ruleInList(
        "has(self.configMapRef) != has(self.secretRef)",
        "jupyterServer.envFrom must have either configMapRef or secretRef in each entry",
      ),
    ],
  },
);

/** Longest time for a probe, in seconds: the kubelet uses 32-bit integers. */
const MAX_SECONDS = 86_400;

function probe(description: string): Schema<ProbeThresholds> {
  return object<ProbeThresholds>(description, {
    initialDelaySeconds: integer("Seconds before the first probe.", { minimum: 0, maximum: MAX_SECONDS }),
    periodSeconds: integer("Seconds between probes.", { minimum: 1, maximum: MAX_SECONDS }),
    timeoutSeconds: integer("Seconds after which a probe times out.", { minimum: 1, maximum: MAX_SECONDS }),
    failureThreshold: integer("Consecutive failures until the probe is considered failed.", {
      minimum: 1,
      maximum: MAX_SECONDS,
    }),
  });
}

/** Largest user or group id that Kubernetes accepts. */
const MAX_ID = 2_147_483_647;

const userIds = object<UserIds>(
  "Users and groups of the container `jupyter-server` and of its volumes. Unset: user 1000, group 100, `fsGroup` 100. If it is set, only its own fields apply: with `{}`, the image or the platform decides.",
  {
    runAsUser: integer("User of the container, not root.", { minimum: 1, maximum: MAX_ID }),
    runAsGroup: integer("Primary group of the container.", { minimum: 0, maximum: MAX_ID }),
    fsGroup: integer("Group that owns the volumes.", { minimum: 0, maximum: MAX_ID }),
    fsGroupChangePolicy: choice("When the group of a volume is changed to `fsGroup`; unset: `OnRootMismatch`.", [
      "OnRootMismatch",
      "Always",
    ]),
    supplementalGroups: list("Additional groups.", integer("A group.", { minimum: 0, maximum: MAX_ID })),
  },
);

const topologySpreadConstraint = object<TopologySpreadConstraint>(
  "A constraint, as in a pod. Without `labelSelector` it counts no pods.",
  {
    maxSkew: required(integer("Maximum difference between the numbers of pods.", { minimum: 1 })),
    topologyKey: required(string("Node label that defines the topology domains.", { minLength: 1 })),
    whenUnsatisfiable: required(
      choice("What to do if the constraint cannot be satisfied.", ["DoNotSchedule", "ScheduleAnyway"]),
    ),
  },
  { open: true },
);

const MAX_PORTS = 32;
const PROTOCOL = (port: string): string => `(has(${port}.protocol) ? ${port}.protocol : 'TCP')`;

const extraPorts = list(
  "Additional ports of the container `jupyter-server`, exposed by the Service and allowed by the NetworkPolicy, from the same peers as the server's own. A login does not protect them.",
  object<ExtraPort>("A port.", {
    name: required(
      string("Name: a letter, and at most 14 lower-case letters, digits and single `-`.", {
        maxLength: 15,
        pattern: "^[a-z][a-z0-9]*(-[a-z0-9]+)*$",
      }),
    ),
    containerPort: required(
      integer("Port number, in the container and of the Service.", { minimum: 1, maximum: 65_535 }),
    ),
    protocol: choice("Protocol; unset: `TCP`.", ["TCP", "UDP", "SCTP"]),
  }),
  {
    keyedBy: "name",
    maxItems: MAX_PORTS,
    rules: [
      rule(
        `self.all(port, !(port.name in ['${HTTP_PORT_NAME}', '${ACTIVITY_PORT_NAME}']) && !(port.containerPort in [${RESERVED_PORTS.join(", ")}]))`,
        `jupyterServer.extraPorts must not have the names ${HTTP_PORT_NAME} and ${ACTIVITY_PORT_NAME} or the numbers ${RESERVED_PORTS.join(", ")}: the server itself uses them`,
      ),
      rule(
        `self.all(port, self.exists_one(other, other.containerPort == port.containerPort && ${PROTOCOL("other")} == ${PROTOCOL("port")}))`,
        "jupyterServer.extraPorts must not list a port twice: remove one of them",
      ),
    ],
  },
);

const sidecarResources = object<SidecarResources>(
  "Resource requests and limits of the containers of the login, instead of the chart's.",
  {
    traefik: anyObject<PodFragment>("Of the reverse proxy."),
    oauth2Proxy: anyObject<PodFragment>("Of oauth2-proxy."),
    authorization: anyObject<PodFragment>("Of the authorization service."),
  },
);

/** Fields of `spec.jupyterServer` that have the names and the meaning of those of a pod or a container. */
export const podFields: Fields<PodSettings> = {
  podLabels: map("Additional labels of the pod.", string("Value.", { pattern: LABEL_VALUE }), {
    maxProperties: MAX_ENTRIES,
    rules: nameRules("jupyterServer.podLabels", RESERVED_POD_LABELS),
  }),
  podAnnotations: map("Additional annotations of the pod.", string("Value."), {
    maxProperties: MAX_ENTRIES,
    rules: nameRules("jupyterServer.podAnnotations", RESERVED_POD_ANNOTATIONS),
  }),
  imagePullPolicy: choice("When the image is pulled. Unset: `Always` for the tag `latest`, else `IfNotPresent`.", [
    "Always",
    "IfNotPresent",
    "Never",
  ]),
  command: list("Command of the container `jupyter-server`. Unset: that of the image.", string("An element.")),
  args: list("Arguments of the command. Unset: those of the image.", string("An argument.")),
  envFrom: list("Sources of environment variables of the container `jupyter-server`; `env` overrides them.", envFrom),
  lifecycle: object<Lifecycle>(
    "Handlers that run in the container `jupyter-server` after it starts and before it stops.",
    {
      postStart: anyObject<PodFragment>("Handler after the start, as in a container."),
      preStop: anyObject<PodFragment>(
        "Handler before the stop, as in a container; within `terminationGracePeriodSeconds`.",
      ),
    },
  ),
  terminationGracePeriodSeconds: integer("Seconds that the pod has to terminate gracefully. Unset: 30.", {
    minimum: 0,
    maximum: MAX_SECONDS,
  }),
  startupProbe: probe("Thresholds of the startup probe. No effect with a login."),
  readinessProbe: probe("Thresholds of the readiness probe; with a login, of that of the whole pod."),
  livenessProbe: probe("Thresholds of the liveness probe. No effect with a login."),
  automountServiceAccountToken: boolean("Whether the containers get a token of the service account. Unset: no."),
  securityContext: userIds,
  runtimeClassName: string("Runtime class of the pod.", { minLength: 1 }),
  topologySpreadConstraints: list("How pods are spread over nodes.", topologySpreadConstraint),
  extraPorts,
  sidecarResources,
};
