import { authSchema } from "./auth-schema.ts";
import type {
  Culling,
  EnvVar,
  JupyterServerSettings,
  JupyterServerSpec,
  LocalReference,
  NamedFragment,
  Patch,
  PodFragment,
  Routing,
  RoutingTls,
  Storage,
  VolumeClaim,
  VolumeMount,
} from "./jupyter-server.ts";
import { podFields } from "./pod-schema.ts";
import { DEFAULT_IMAGES, MAX_PATH_LENGTH, ROUTING_PATH_PATTERN } from "./names.ts";
import {
  anyObject,
  anything,
  boolean,
  choice,
  integer,
  intOrString,
  list,
  map,
  object,
  required,
  rule,
  ruleInList,
  string,
  withDefault,
  type Defaulted,
  type Rule,
} from "./schema-kit.ts";

/** Where 0.24 mounted the volume and started Jupyter. */
const HOME = "/home/jovyan/work";

function quantityRule(field: string): Rule {
  // The API server knows the type of an int-or-string only when it evaluates the rule. An empty string means "none".
  return rule(
    "type(self) == int ? int(self) >= 0 : (string(self) == '' || (isQuantity(string(self)) && !quantity(string(self)).isLessThan(quantity('0'))))",
    `${field} must be a quantity such as 500Mi or 2Gi`,
  );
}

function limit(description: string): Defaulted<number> {
  return withDefault(0, integer(`${description} 0: the administrator's default, or no limit.`, { minimum: 0 }));
}

const culling = object<Culling>(
  "Limits, in seconds, after which the server is hibernated or deleted (docs/guide/idle.md). An administrator may set defaults and maximums.",
  {
    idleSecondsThreshold: limit("Hibernate the server after it has been idle for this long."),
    maxAgeSecondsThreshold: limit(
      "Hibernate the server after it has run for this long, idle or not. A run begins when the server is created or resumed.",
    ),
    startingSecondsThreshold: limit(
      "Delete the server after it has been `starting` for this long; hibernate it if it has ever been ready.",
    ),
    failedSecondsThreshold: limit(
      "Delete the server after it has been `failed` for this long; hibernate it if it has ever been ready.",
    ),
    hibernatedSecondsThreshold: limit("Delete the server after it has been hibernated for this long."),
    keepAliveUntil: string(
      "Time, such as `2026-03-01T18:00:00Z`, before which no limit is enforced except the administrator's maximums.",
      { format: "date-time" },
    ),
  },
);

const jupyterServer = object<JupyterServerSettings>("The Jupyter server and its pod.", {
  image: withDefault(
    DEFAULT_IMAGES.jupyter,
    string("Image of the Jupyter server.", {
      rules: [
        rule(
          "self.size() > 0 && !self.contains(' ') && !self.contains('\\n')",
          "jupyterServer.image must be an image reference, without spaces",
        ),
      ],
    }),
  ),
  defaultUrl: withDefault("/lab", string("Page that Jupyter redirects to from its root, such as `/lab` or `/tree`.")),
  rootDir: withDefault(
    HOME,
    string("Directory in which Jupyter starts. Files outside `storage.pvc.mountPath` are lost with the pod.", {
      rules: [rule("self.startsWith('/')", "jupyterServer.rootDir must be an absolute path, beginning with /")],
    }),
  ),
  resources: withDefault(
    {},
    anyObject<PodFragment>(
      "Resource requests and limits of the container `jupyter-server`. CPU and memory of a running server are resized in place, without a restart.",
    ),
  ),
  hibernated: withDefault(
    false,
    boolean("Whether the server is hibernated: its pod is removed, everything else is kept."),
  ),
  shmSize: intOrString(
    "Size of `/dev/shm`, which counts as memory. Unset: the default of the container runtime, often 64Mi.",
    [quantityRule("jupyterServer.shmSize")],
  ),
  env: list(
    "Environment variables of the container `jupyter-server`.",
    object<EnvVar>("An environment variable.", {
      name: required(string("Name.", { minLength: 1 })),
      value: string("Value."),
      valueFrom: anyObject<PodFragment>("Source of the value, as in a pod."),
    }),
    { keyedBy: "name" },
  ),
  imagePullSecrets: list(
    "Secrets in the server's namespace with credentials for the registry of the image.",
    object<LocalReference>("A Secret.", { name: required(string("Name.", { minLength: 1 })) }),
    { keyedBy: "name" },
  ),
  nodeSelector: map("Labels that the node must have.", string("Value.")),
  tolerations: list("Tolerations of the pod.", anyObject<PodFragment>("A toleration.")),
  affinity: anyObject<PodFragment>("Affinity of the pod."),
  priorityClassName: string("Priority class of the pod.", { minLength: 1 }),
  serviceAccountName: string("Service account of the pod.", { minLength: 1 }),
  extraVolumes: list(
    "Additional volumes of the pod.",
    object<Pick<NamedFragment, "name">>(
      "A volume, as in a pod.",
      { name: required(string("Name.", { minLength: 1 })) },
      { open: true },
    ),
    { keyedBy: "name" },
  ),
  extraVolumeMounts: list(
    "Additional volume mounts of the container `jupyter-server`.",
    object<Pick<VolumeMount, "name" | "mountPath">>(
      "A volume mount, as in a pod.",
      {
        name: required(string("Name of the volume.", { minLength: 1 })),
        mountPath: required(string("Where it is mounted: an absolute path.", { pattern: "^/" })),
      },
      { open: true },
    ),
    { keyedBy: "mountPath" },
  ),
  ...podFields,
});

/** Browsers parse a host whose last label matches this as an IP address. */
const NUMBER = "([0-9]+|0[xX][0-9a-fA-F]*)";
const OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
const IPV4_ADDRESS = `(${OCTET}[.]){3}${OCTET}`;
/** 1 to 65535. */
const PORT = "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";

const routing = object<Routing>("How the server is exposed outside the cluster.", {
  // Lengths are rules, because 0.24 had no limit: Kubernetes 1.30 writes no status of what violates the schema itself.
  host: string("Host name, such as `hub.example.org`.", {
    rules: [
      rule("self.size() <= 253", "routing.host must have at most 253 characters"),
      rule(
        `self == '' || (self.matches(r'^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$') && !self.matches(r'(^|[.])${NUMBER}$'))`,
        "routing.host must be a lower-case host name such as hub.example.org, without scheme, port or path, and must not end in a number",
      ),
    ],
  }),
  path: withDefault(
    "/",
    string("Path under which the server is served.", {
      rules: [
        rule(`self.size() <= ${MAX_PATH_LENGTH}`, `routing.path must have at most ${MAX_PATH_LENGTH} characters`),
        rule(
          `self.matches(r"${ROUTING_PATH_PATTERN}")`,
          "routing.path must consist of a-z, A-Z, 0-9 and -._~@:,=&!' between slashes: replace every other character, including percent-encoding",
        ),
        rule(
          "!self.matches(r'(^|/)[.][.]?(/|$)')",
          "routing.path must not contain the segments . or ..: write the path out",
        ),
      ],
    }),
  ),
  ingressAnnotations: withDefault({}, anyObject<PodFragment>("Annotations of the Ingress.")),
  ingressClassName: string("IngressClass of the Ingress. Unset: the cluster's default class.", { minLength: 1 }),
  externalUrl: string(
    "Scheme, host and port in the address of the server, if they differ from `host` and `tls`: for instance `https://hub.example.org` when TLS is terminated in front of the cluster. `path` is appended. With a login its host must be `host`.",
    {
      maxLength: 300,
      rules: [
        rule(
          `self.matches(r'^https?://[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?(:${PORT})?/?$') && (self.matches(r'^https?://${IPV4_ADDRESS}([:/]|$)') || !self.matches(r'^https?://([^:/]*[.])?${NUMBER}([:/]|$)'))`,
          "routing.externalUrl must be scheme, host and port such as https://hub.example.org:8443; the path is set in routing.path",
        ),
      ],
    },
  ),
  tls: withDefault(
    {},
    object<RoutingTls>("TLS at the Ingress.", {
      enabled: withDefault(
        false,
        boolean("Whether the Ingress terminates TLS; the address of the server then begins with https."),
      ),
      secretName: string("Secret with the certificate. Unset: the ingress controller's default certificate."),
    }),
  ),
});

const pvc = object<VolumeClaim>(
  "A volume that outlives the pod.",
  {
    enabled: withDefault(
      false,
      boolean(
        "Whether files are kept on a PersistentVolume. If false, they are lost with the pod, including on hibernation.",
      ),
    ),
    mountPath: withDefault(
      HOME,
      string("Where the files are mounted, with or without a PersistentVolume.", {
        rules: [
          rule(
            "self.startsWith('/') && self != '/' && !self.contains(':')",
            "storage.pvc.mountPath must be an absolute path other than / and without a colon, such as /home/jovyan/work",
          ),
        ],
      }),
    ),
    storageClassName: string(
      "Storage class of the volume. Unset or empty: the cluster's default class; empty together with `volumeName` or `selector`: none, as in Kubernetes.",
    ),
    retentionPolicy: withDefault(
      "Delete",
      choice("Whether the PersistentVolumeClaim is deleted with the server, or kept.", ["Delete", "Retain"]),
    ),
    existingClaim: string("Name of a PersistentVolumeClaim to mount instead of creating one.", { minLength: 1 }),
    accessModes: list(
      "Access modes of the claim. Unset: `ReadWriteOnce`.",
      choice("An access mode.", ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"]),
      { minItems: 1, maxItems: 4 },
    ),
    volumeName: string("Name of the PersistentVolume to bind the claim to.", { minLength: 1 }),
    selector: anyObject<PodFragment>("Label selector for the PersistentVolumes to bind the claim to."),
    subPath: string("Directory of the volume to mount instead of its root.", {
      maxLength: 1000,
      rules: [
        rule(
          "self != '' && !self.startsWith('/') && !self.split('/').exists(segment, segment == '..')",
          "storage.pvc.subPath must be a relative path without .., such as alice/work",
        ),
      ],
    }),
  },
  {
    rules: [
      rule(
        "!has(self.existingClaim) || self.enabled",
        "storage.pvc.existingClaim needs storage.pvc.enabled: set it to true",
      ),
      rule(
        "!has(self.existingClaim) || !has(self.storageClassName)",
        "storage.pvc.storageClassName cannot be combined with storage.pvc.existingClaim: remove one of them",
      ),
      rule(
        "!has(self.existingClaim) || !(has(self.accessModes) || has(self.volumeName) || has(self.selector))",
        "storage.pvc.accessModes, volumeName and selector apply only to a claim that is created: remove them, or storage.pvc.existingClaim",
      ),
    ],
  },
);

const storage = object<Storage>("Storage for the user's files.", {
  size: withDefault(
    "100Mi",
    intOrString(
      "Size of the volume; without a PersistentVolume, the size limit of the `emptyDir`. A volume can be expanded if its storage class allows it.",
      [quantityRule("storage.size")],
    ),
  ),
  pvc: withDefault({}, pvc),
});

const patches = list(
  "Patches to the children (the objects that the server consists of), applied in order to one document with the keys `service`, `ingress`, `statefulset`, `configmap`, `secret`, `pvc` and `networkpolicy`; further keys add objects.",
  object<Patch>(
    "A patch.",
    {
      type: choice("Type of the patch.", ["application/json-patch+json", "application/merge-patch+json"]),
      patch: anything("A list of operations (JSON patch, RFC 6902) or an object (merge patch, RFC 7386)."),
    },
    {
      rules: [
        {
          ...ruleInList(
            "has(self.type)",
            "a patch needs a type: application/json-patch+json or application/merge-patch+json",
          ),
          reason: "FieldValueRequired",
          fieldPath: ".type",
        },
      ],
    },
  ),
);

/** Schema of `spec`. */
export const specSchema: Defaulted<JupyterServerSpec> = withDefault(
  {},
  object<JupyterServerSpec>("Desired state of the Jupyter server.", {
    auth: withDefault({}, authSchema),
    culling: withDefault({}, culling),
    jupyterServer: withDefault({}, jupyterServer),
    routing: withDefault({}, routing),
    storage: withDefault({}, storage),
    patches: withDefault([], patches),
    updatePolicy: withDefault(
      "OnNextStart",
      choice(
        "When a change that needs a new pod is applied to a running server: at its next start, or at once by a restart, which ends its kernels.",
        ["OnNextStart", "Restart"],
      ),
    ),
  }),
);
