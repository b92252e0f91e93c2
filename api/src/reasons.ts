export type ConditionType =
  | "Ready"
  | "Reconciling"
  | "Stalled"
  | "UpdatePending"
  | "AccessWarning"
  | "PatchWarning"
  | "StorageWarning"
  | "PolicyWarning";

/**
 * Every reason that a condition can have, with what its sentence needs to know. A reason is a promise to the programs
 * that compare it: it never changes its meaning, and a retired one is not used again.
 */
export type ReasonValues = {
  // The server's life
  PodReady: { readonly url: string };
  Starting: { readonly detail: string };
  PodMissing: Nothing;
  RoutePending: Nothing;
  NotReady: Contained;
  Hibernating: Nothing;
  Hibernated: Nothing;
  Resuming: Nothing;
  Restarting: Nothing;
  Deleting: Nothing;
  ResizeInProgress: Nothing;
  // Place and storage
  Unschedulable: Told;
  ScalingUp: Told;
  QuotaExceeded: Told;
  StorageClassMissing: { readonly storageClass: string };
  ClaimPending: { readonly claim: string; readonly detail: string };
  ClaimMissing: { readonly claim: string };
  ClaimLost: { readonly claim: string };
  ClaimShrinkRefused: { readonly from: string; readonly to: string };
  ClaimChangeRefused: { readonly field: string; readonly from: string; readonly to: string };
  VolumeMountFailed: Told;
  // Image and containers
  ImageNotFound: { readonly image: string };
  ImagePullFailed: { readonly image: string; readonly detail: string };
  InvalidImageName: { readonly image: string };
  SecretMissing: { readonly secret: string };
  ConfigMapMissing: { readonly configMap: string };
  ContainerConfigError: Contained & Told;
  ContainerStartFailed: Contained & Told;
  ContainerFailed: Contained & { readonly exitCode: number };
  CrashLoop: Contained & { readonly exitCode: number; readonly restarts: number };
  OutOfMemory: Contained;
  Evicted: Told;
  PodFailed: Told;
  NodeLost: { readonly node: string };
  // What cannot be made
  InvalidSpec: { readonly field: string; readonly detail: string };
  InvalidPatch: { readonly index: number; readonly path: string; readonly detail: string };
  ChildKindRefused: { readonly childKey: string; readonly apiVersion: string; readonly kind: string };
  InvalidChild: { readonly childKey: string; readonly detail: string };
  RouteTaken: { readonly route: string; readonly holder: string; readonly keptUrl: string | undefined };
  NameTaken: { readonly kind: string; readonly name: string };
  Forbidden: { readonly childKey: string; readonly detail: string };
  WriteFailed: { readonly childKey: string; readonly code: number; readonly detail: string };
  PredecessorRunning: Nothing;
  PodSecurity: { readonly childKey: string; readonly level: string } & Ruled;
  NotAllowed: { readonly childKey: string; readonly field: string; readonly detail: string; readonly setting: string };
  TooManyServers: { readonly namespace: string; readonly limit: number };
  DecisionFailed: Told;
  // What waits
  ChangesWaiting: { readonly fields: readonly string[] };
  PredecessorLayout: Nothing;
  ResizeNotPossible: Told;
  ResizeDeferred: Told;
  ResizeInfeasible: Told;
  // Warnings
  OpenWithoutAccessControl: Nothing;
  NobodyAuthorized: Nothing;
  PlainHttpOidc: { readonly host: string };
  PatchOperationSkipped: { readonly index: number; readonly path: string; readonly detail: string };
  ChildAdjusted: { readonly childKey: string; readonly fields: readonly string[] };
  SkipAuthRouteIgnored: { readonly args: readonly string[] };
  HibernatedWithoutVolume: Nothing;
  RootDirOutsideVolume: { readonly rootDir: string; readonly mountPath: string };
  ViolationTolerated: { readonly violations: readonly string[] };
  IngressAnnotationIgnored: { readonly childKey: string; readonly names: readonly string[] };
};

export type Reason = keyof ReasonValues;

/** No values. */
export type Nothing = Readonly<Record<never, never>>;

/** What Kubernetes says about the case, in its own words. */
export type Told = { readonly detail: string };

/** A rule of the Pod Security Standards, the field that breaks it, and what is in it. */
export type Ruled = { readonly rule: string; readonly field: string; readonly value: string };

export type Contained = { readonly container: string };

/** One reason of the catalogue. */
export type ReasonEntry<R extends Reason> = {
  /** Types of the conditions that can have the reason. */
  readonly conditions: readonly ConditionType[];
  /** When it applies, for the reference page. */
  readonly when: string;
  /** For the reference page. */
  readonly example: ReasonValues[R];
  readonly sentence: (values: ReasonValues[R]) => string;
  /** What the user does about it; empty when there is nothing to do. */
  readonly remedy: string;
};

const PROGRESS: readonly ConditionType[] = ["Ready", "Reconciling"];
const STALL: readonly ConditionType[] = ["Ready", "Stalled"];
/** Reported as progress at first; as a stall when it lasts, or when only a person can mend it. */
const EITHER: readonly ConditionType[] = ["Ready", "Reconciling", "Stalled"];

const life: Pick<Catalogue, "PodReady" | "Starting" | "PodMissing" | "RoutePending" | "NotReady" | "Hibernating"> &
  Pick<Catalogue, "Hibernated" | "Resuming" | "Restarting" | "Deleting" | "ResizeInProgress"> = {
  PodReady: {
    conditions: ["Ready"],
    when: "The pod is ready and the Ingress is as the spec wants it.",
    example: { url: "https://hub.example.org/sessions/alice" },
    sentence: ({ url }) => `The server answers at ${url}.`,
    remedy: "",
  },
  Starting: {
    conditions: PROGRESS,
    when: "The pod exists and its containers are on their way.",
    example: { detail: "container jupyter-server is being created" },
    sentence: ({ detail }) => `The server is starting: ${detail}.`,
    remedy: "",
  },
  PodMissing: {
    conditions: PROGRESS,
    when: "The StatefulSet has not made the pod yet.",
    example: {},
    sentence: () => "The server is starting: its pod does not exist yet.",
    remedy: "",
  },
  RoutePending: {
    conditions: PROGRESS,
    when: "The pod is ready, but the Ingress does not lead to it yet.",
    example: {},
    sentence: () => "The pod is ready; its route is being made.",
    remedy: "",
  },
  NotReady: {
    conditions: PROGRESS,
    when: "A container that was ready stopped answering its readiness probe.",
    example: { container: "jupyter-server" },
    sentence: ({ container }) => `Container ${container} runs but does not answer.`,
    remedy: "It is restarted if that lasts; otherwise look at its log.",
  },
  Hibernating: {
    conditions: PROGRESS,
    when: "The server is to hibernate and its pod still exists.",
    example: {},
    sentence: () => "The server is being hibernated.",
    remedy: "",
  },
  Hibernated: {
    conditions: ["Ready"],
    when: "`spec.jupyterServer.hibernated` is true and the pod is gone.",
    example: {},
    sentence: () => "The server is hibernated.",
    remedy: "Set spec.jupyterServer.hibernated to false to start it.",
  },
  Resuming: {
    conditions: PROGRESS,
    when: "The server was hibernated and has no pod yet.",
    example: {},
    sentence: () => "The server is being resumed.",
    remedy: "",
  },
  Restarting: {
    conditions: PROGRESS,
    when: "The pod is replaced because somebody asked for it, or because `updatePolicy` is `Restart`.",
    example: {},
    sentence: () => "The server is being restarted.",
    remedy: "",
  },
  Deleting: {
    conditions: PROGRESS,
    when: "The object is being deleted.",
    example: {},
    sentence: () => "The server is being deleted.",
    remedy: "",
  },
  ResizeInProgress: {
    conditions: ["Reconciling"],
    when: "CPU or memory of the running pod are being changed.",
    example: {},
    sentence: () => "The running pod is being given its new resources.",
    remedy: "",
  },
};

const place: Pick<Catalogue, "Unschedulable" | "ScalingUp" | "QuotaExceeded" | "StorageClassMissing" | "ClaimPending"> &
  Pick<Catalogue, "ClaimMissing" | "ClaimLost" | "ClaimShrinkRefused" | "ClaimChangeRefused" | "VolumeMountFailed"> = {
  Unschedulable: {
    conditions: EITHER,
    when: "No node can take the pod; a stall after the grace period.",
    example: { detail: "0/3 nodes are available: 3 Insufficient memory." },
    sentence: ({ detail }) => `No node can run the server: ${detail}`,
    remedy: "Ask for less in spec.jupyterServer.resources, or have a node added.",
  },
  ScalingUp: {
    conditions: PROGRESS,
    when: "The cluster autoscaler adds a node for the pod.",
    example: { detail: "pod triggered scale-up: [{pool-1 3->4 (max: 10)}]" },
    sentence: ({ detail }) => `The server waits for a new node: ${detail}.`,
    remedy: "",
  },
  QuotaExceeded: {
    conditions: STALL,
    when: "A ResourceQuota of the namespace refuses the pod or another child.",
    example: { detail: "exceeded quota: sessions, requested: memory=4Gi, used: memory=14Gi, limited: memory=16Gi" },
    sentence: ({ detail }) => `The resource quota has been exceeded: ${detail}.`,
    remedy: "Hibernate or delete another server, or ask for less in spec.jupyterServer.resources or spec.storage.size.",
  },
  StorageClassMissing: {
    conditions: STALL,
    when: "The claim names a storage class that does not exist.",
    example: { storageClass: "fast" },
    sentence: ({ storageClass }) => `The storage class ${storageClass} does not exist.`,
    remedy: "Correct spec.storage.pvc.storageClassName; the volume holds no data yet and is made anew.",
  },
  ClaimPending: {
    conditions: EITHER,
    when: "The claim has no volume yet; a stall when its provisioner reports an error.",
    example: { claim: "alice", detail: "waiting for a volume to be created" },
    sentence: ({ claim, detail }) => `The PersistentVolumeClaim ${claim} has no volume yet: ${detail}.`,
    remedy: "",
  },
  ClaimMissing: {
    conditions: STALL,
    when: "`spec.storage.pvc.existingClaim` names a claim that does not exist.",
    example: { claim: "shared-data" },
    sentence: ({ claim }) => `The PersistentVolumeClaim ${claim} does not exist.`,
    remedy: "Create it, or correct spec.storage.pvc.existingClaim.",
  },
  ClaimLost: {
    conditions: STALL,
    when: "The volume behind the claim is gone.",
    example: { claim: "alice" },
    sentence: ({ claim }) => `The volume of the PersistentVolumeClaim ${claim} is lost.`,
    remedy: "Restore the volume from a backup, or delete the claim to start with an empty one.",
  },
  ClaimShrinkRefused: {
    conditions: ["Stalled"],
    when: "`spec.storage.size` is less than what the volume has; the server keeps running on the old size.",
    example: { from: "10Gi", to: "5Gi" },
    sentence: ({ from, to }) => `A volume cannot become smaller: it has ${from}, spec.storage.size asks for ${to}.`,
    remedy: "Set spec.storage.size to at least what it has.",
  },
  ClaimChangeRefused: {
    conditions: ["Stalled"],
    when: "A field of a bound claim that Kubernetes does not let anybody change; the server keeps its volume.",
    example: { field: "storage.pvc.storageClassName", from: "standard", to: "fast" },
    sentence: ({ field, from, to }) => `spec.${field} of a volume that exists cannot change from ${from} to ${to}.`,
    remedy: "Set it back; to move, copy the files to a new server.",
  },
  VolumeMountFailed: {
    conditions: EITHER,
    when: "The node cannot attach or mount a volume of the pod.",
    example: { detail: "Multi-Attach error for volume pvc-7f: volume is already used by pod(s) bob-0" },
    sentence: ({ detail }) => `A volume of the server cannot be mounted: ${detail}.`,
    remedy: "If another pod or a node that is down holds it, release it there.",
  },
};

const containers: Pick<Catalogue, "ImageNotFound" | "ImagePullFailed" | "InvalidImageName" | "SecretMissing"> &
  Pick<Catalogue, "ConfigMapMissing" | "ContainerConfigError" | "ContainerStartFailed" | "ContainerFailed"> &
  Pick<Catalogue, "CrashLoop" | "OutOfMemory" | "Evicted" | "PodFailed" | "NodeLost"> = {
  ImageNotFound: {
    conditions: STALL,
    when: "The registry does not have the image, or not for this user.",
    example: { image: "jupyter/minimal-notebook:v99" },
    sentence: ({ image }) => `The image ${image} does not exist, or it may not be pulled without credentials.`,
    remedy: "Correct spec.jupyterServer.image, or name its pull secret in spec.jupyterServer.imagePullSecrets.",
  },
  ImagePullFailed: {
    conditions: STALL,
    when: "The image cannot be pulled for another reason: registry, network, credentials.",
    example: { image: "hub.example.org/lab:1", detail: "dial tcp: lookup hub.example.org: no such host" },
    sentence: ({ image, detail }) => `The image ${image} cannot be pulled: ${detail}.`,
    remedy: "Kubernetes tries again by itself; correct spec.jupyterServer.image if the name is wrong.",
  },
  InvalidImageName: {
    conditions: STALL,
    when: "The name of the image is malformed.",
    example: { image: "Jupyter/Notebook:v1" },
    sentence: ({ image }) => `"${image}" is not the name of an image.`,
    remedy: "Correct spec.jupyterServer.image.",
  },
  SecretMissing: {
    conditions: STALL,
    when: "A container needs a Secret, or a key of it, that does not exist.",
    example: { secret: "idp-client" },
    sentence: ({ secret }) => `The Secret ${secret} does not exist or lacks a key that the server needs.`,
    remedy: "Create it in the server's namespace, or correct the reference to it.",
  },
  ConfigMapMissing: {
    conditions: STALL,
    when: "A container needs a ConfigMap, or a key of it, that does not exist.",
    example: { configMap: "company-ca" },
    sentence: ({ configMap }) => `The ConfigMap ${configMap} does not exist or lacks a key that the server needs.`,
    remedy: "Create it in the server's namespace, or correct the reference to it.",
  },
  ContainerConfigError: {
    conditions: STALL,
    when: "The node cannot make a container from its settings for another reason.",
    example: { container: "jupyter-server", detail: "container has runAsNonRoot and image will run as root" },
    sentence: ({ container, detail }) => `Container ${container} cannot be created: ${detail}.`,
    remedy: "Correct the setting or the patch that it comes from.",
  },
  ContainerStartFailed: {
    conditions: STALL,
    when: "The container was made, but its program does not start.",
    example: { container: "jupyter-server", detail: 'exec: "start-notebook.sh": executable file not found in $PATH' },
    sentence: ({ container, detail }) => `Container ${container} cannot be started: ${detail}.`,
    remedy: "Use an image that starts a Jupyter server.",
  },
  ContainerFailed: {
    conditions: EITHER,
    when: "A container ended with an error and is started again; a stall when it does not start again.",
    example: { container: "prepare", exitCode: 1 },
    sentence: ({ container, exitCode }) => `Container ${container} ended with exit code ${exitCode}.`,
    remedy: "Its log says why.",
  },
  CrashLoop: {
    conditions: STALL,
    when: "A container ends again and again and is not ready.",
    example: { container: "jupyter-server", exitCode: 1, restarts: 5 },
    sentence: ({ container, exitCode, restarts }) =>
      `Container ${container} keeps ending, last with exit code ${exitCode}, after ${restarts} restarts.`,
    remedy: "Its log says why.",
  },
  OutOfMemory: {
    conditions: EITHER,
    when: "A container that is not ready was ended because it used more memory than its limit.",
    example: { container: "jupyter-server" },
    sentence: ({ container }) => `Container ${container} used more memory than it may and was ended.`,
    remedy: "Raise the memory limit in spec.jupyterServer.resources, or use less.",
  },
  Evicted: {
    conditions: EITHER,
    when: "The node put the pod out; a new pod is made.",
    example: { detail: "The node was low on resource: ephemeral-storage." },
    sentence: ({ detail }) => `The server was evicted from its node: ${detail}`,
    remedy: "If it used too much disk, raise spec.storage.size or use a volume.",
  },
  PodFailed: {
    conditions: EITHER,
    when: "The pod as a whole failed for another reason.",
    example: { detail: "Pod was terminated in response to imminent node shutdown." },
    sentence: ({ detail }) => `The server's pod failed: ${detail}`,
    remedy: "",
  },
  NodeLost: {
    conditions: EITHER,
    when: "The node of the pod does not answer.",
    example: { node: "worker-3" },
    sentence: ({ node }) => `The node ${node} that runs the server does not answer.`,
    remedy: "The server continues when the node is back; an administrator can declare the node out of service.",
  },
};

const refusals: Pick<Catalogue, "InvalidSpec" | "InvalidPatch" | "ChildKindRefused" | "InvalidChild" | "RouteTaken"> &
  Pick<Catalogue, "NameTaken" | "Forbidden" | "WriteFailed" | "PredecessorRunning" | "DecisionFailed"> = {
  InvalidSpec: {
    conditions: STALL,
    when: "A field can never work. New objects like this are refused; this one was stored before the rule.",
    example: { field: "routing.host", detail: "it is missing; set it to the host name of the server" },
    sentence: ({ field, detail }) => `spec.${field} cannot work: ${detail}.`,
    remedy: "",
  },
  InvalidPatch: {
    conditions: STALL,
    when: "A patch cannot be applied; what already runs stays as it is.",
    example: { index: 0, path: "/statefulset/spec/replica", detail: "there is nothing at this path" },
    sentence: ({ index, path, detail }) => `spec.patches[${index}] cannot be applied${at(path)}: ${detail}.`,
    remedy: "Correct or remove it; until then the server stays as it is.",
  },
  ChildKindRefused: {
    conditions: STALL,
    when: "A patch adds an object of a kind that the administrator does not allow.",
    example: { childKey: "job", apiVersion: "batch/v1", kind: "Job" },
    sentence: ({ childKey, apiVersion, kind }) =>
      `A patch adds "${childKey}", and ${kind} (${apiVersion}) is not allowed.`,
    remedy: "Remove the patch, or have the kind added to the chart value extraChildResources.",
  },
  InvalidChild: {
    conditions: STALL,
    when: "The API server refuses a child, or a patch makes it something that cannot be a child.",
    example: { childKey: "statefulset", detail: "spec.template.spec.containers[0].image: Required value" },
    sentence: ({ childKey, detail }) => `The child "${childKey}" is not valid: ${detail}.`,
    remedy: "Correct the setting or the patch that it comes from.",
  },
  RouteTaken: {
    conditions: STALL,
    when: "Another server serves the same host and path already, or is older and asks for it.",
    example: {
      route: "hub.example.org/sessions/alice",
      holder: "sessions/alice",
      keptUrl: "https://hub.example.org/sessions/bob",
    },
    sentence: ({ route, holder, keptUrl }) =>
      `${route} already leads to the server ${holder}` +
      (keptUrl === undefined ? "." : `; this server stays at ${keptUrl}.`),
    remedy: "Choose another spec.routing.host or spec.routing.path.",
  },
  NameTaken: {
    conditions: STALL,
    when: "An object with the name of a child exists and is not ours; it is left alone.",
    example: { kind: "Service", name: "alice" },
    sentence: ({ kind, name }) => `The ${kind} ${name} exists already and does not belong to this server.`,
    remedy:
      "Give the server another name, or move the other object away. A PersistentVolumeClaim may hold somebody's files: to use it, name it in spec.storage.pvc.existingClaim.",
  },
  Forbidden: {
    conditions: STALL,
    when: "The controller may not make the child, because of its permissions or an admission policy.",
    example: { childKey: "statefulset", detail: "pods must not use the host network" },
    sentence: ({ childKey, detail }) => `The cluster does not permit the child "${childKey}": ${detail}.`,
    remedy: "Correct the setting or the patch that it comes from, or ask an administrator.",
  },
  WriteFailed: {
    conditions: STALL,
    when: "The API server answers a write with another error; it is tried again.",
    example: { childKey: "ingress", code: 500, detail: "failed calling webhook: no endpoints available" },
    sentence: ({ childKey, code, detail }) => `The child "${childKey}" cannot be written (${code}): ${detail}.`,
    remedy: "It is tried again; if that lasts, ask an administrator.",
  },
  DecisionFailed: {
    conditions: ["Stalled"],
    when: "The controller fails at this very object, which is a fault of the controller. What runs stays as it is.",
    example: { detail: "TypeError" },
    sentence: ({ detail }) => `The controller failed to decide about this server: ${detail}.`,
    remedy:
      "Its log says where; please report it with the spec of the server. It is tried again when the server changes, and every 10 minutes.",
  },
  PredecessorRunning: {
    conditions: ["Stalled"],
    when: "The predecessor's controller works on the same server; ours leaves it alone.",
    example: {},
    sentence: () => "The previous Amalthea controller still handles this server.",
    remedy:
      "Scale its Deployment to zero (never uninstall its release: that deletes every server), or take this namespace out of its scope.",
  },
};

const policies = {
  PodSecurity: {
    conditions: STALL,
    when: "A pod, after patches, has what its Pod Security level does not allow; what already runs stays as it is.",
    example: {
      ...{ childKey: "statefulset", level: "baseline", rule: "privileged" },
      ...{ field: "spec.template.spec.containers[tool].securityContext.privileged", value: "true" },
    },
    sentence: ({ childKey, level, rule, field, value }) =>
      `The child "${childKey}" breaks the rule ${rule} of the Pod Security level ${level}: ${field} is ${value === "" ? "not set as it must be" : value}.`,
    remedy:
      "Correct the setting or the patch that it comes from, or have an administrator change the chart value policy.podSecurity.",
  },
  NotAllowed: {
    conditions: STALL,
    when: "The administrator's settings (`policy` in the chart) do not allow something of a child; what already runs stays as it is.",
    example: {
      ...{ childKey: "statefulset", field: "spec.template.spec.containers[jupyter-server].image" },
      ...{ detail: "the image evil.example.org/a is not allowed", setting: "images" },
    },
    sentence: ({ childKey, field, detail, setting }) =>
      `The child "${childKey}" is not allowed (chart value policy.${setting}): ${detail}, at ${field}.`,
    remedy: "Change it, or ask an administrator.",
  },
  TooManyServers: {
    conditions: STALL,
    when: "The namespace has more servers than the chart value `policy.serversPerNamespace` allows, and this is not one of the oldest.",
    example: { namespace: "team-a", limit: 20 },
    sentence: ({ namespace, limit }) => `The namespace ${namespace} may have ${limit} servers and has more.`,
    remedy: "Delete another server of the namespace, or ask an administrator.",
  },
} satisfies Partial<Catalogue>;

const waiting: Pick<Catalogue, "ChangesWaiting" | "PredecessorLayout" | "ResizeNotPossible" | "ResizeDeferred"> &
  Pick<Catalogue, "ResizeInfeasible"> = {
  ChangesWaiting: {
    conditions: ["UpdatePending"],
    when: "Fields that need a new pod changed while one is running.",
    example: { fields: ["jupyterServer.image", "routing.path"] },
    sentence: ({ fields }) => `The running pod does not follow these fields yet: ${fields.join(", ")}.`,
    remedy: "Hibernate and resume the server, or restart it, when its user can spare it.",
  },
  PredecessorLayout: {
    conditions: ["UpdatePending"],
    when: "The pod was made by the predecessor and is left as it is.",
    example: {},
    sentence: () => "The server still runs as the previous Amalthea made it.",
    remedy: "It takes the new form when it is next resumed or restarted.",
  },
  ResizeNotPossible: {
    conditions: ["UpdatePending"],
    when: "A change of resources that a running pod cannot take.",
    example: { detail: "the number of GPUs changes" },
    sentence: ({ detail }) => `The new resources need a new pod: ${detail}.`,
    remedy: "Hibernate and resume the server, or restart it, when its user can spare it.",
  },
  ResizeDeferred: {
    conditions: ["UpdatePending"],
    when: "The node has no room for the new resources now.",
    example: { detail: "Node didn't have enough resource: memory, requested: 8Gi, capacity: 16Gi" },
    sentence: ({ detail }) => `The node has no room for the new resources now: ${detail}.`,
    remedy: "They are given when there is room; a restart may find another node.",
  },
  ResizeInfeasible: {
    conditions: ["UpdatePending"],
    when: "The node can never give the new resources.",
    example: { detail: "Node didn't have enough capacity: memory, requested: 64Gi, capacity: 16Gi" },
    sentence: ({ detail }) => `The node is too small for the new resources: ${detail}.`,
    remedy: "Hibernate and resume the server to look for another node, or ask for less.",
  },
};

const policyWarnings = {
  ViolationTolerated: {
    conditions: ["PolicyWarning"],
    when: "The server has what is not allowed any more, and had it before there was the rule (`status.toleratedViolations`).",
    example: { violations: ["StatefulSet alice: hostPathVolumes spec.template.spec.volumes[data].hostPath=/data"] },
    sentence: ({ violations }) =>
      `The server keeps what it had and new servers may not have: ${violations.join("; ")}.`,
    remedy: "Remove it when you can; an administrator may stop tolerating it (chart value policy.podSecurity).",
  },
  IngressAnnotationIgnored: {
    conditions: ["PolicyWarning"],
    when: "An Ingress asks for annotations that could take requests from others; they are left out.",
    example: { childKey: "ingress", names: ["nginx.ingress.kubernetes.io/server-alias"] },
    sentence: ({ childKey, names }) => `Annotations of the child "${childKey}" are left out: ${names.join(", ")}.`,
    remedy: "Remove them, or ask an administrator for the chart value policy.ingressAnnotations.",
  },
} satisfies Partial<Catalogue>;

const warnings: Pick<Catalogue, "OpenWithoutAccessControl" | "NobodyAuthorized" | "PlainHttpOidc"> &
  Pick<
    Catalogue,
    | "PatchOperationSkipped"
    | "ChildAdjusted"
    | "SkipAuthRouteIgnored"
    | "HibernatedWithoutVolume"
    | "RootDirOutsideVolume"
  > = {
  OpenWithoutAccessControl: {
    conditions: ["AccessWarning"],
    when: "`spec.auth.token` is empty and OIDC is off.",
    example: {},
    sentence: () => "Everybody who can reach the server can use it, because spec.auth.token is empty.",
    remedy: "Remove spec.auth.token to have one generated, or enable spec.auth.oidc.",
  },
  NobodyAuthorized: {
    conditions: ["AccessWarning"],
    when: "OIDC is on and nothing says who may enter.",
    example: {},
    sentence: () => "Nobody can enter, because spec.auth.oidc names no user, e-mail or group.",
    remedy: "Fill one of its lists, or set spec.auth.oidc.allowAnyUser.",
  },
  PlainHttpOidc: {
    conditions: ["AccessWarning"],
    when: "OIDC is on and people use the server by plain http on a host other than localhost.",
    example: { host: "hub.example.org" },
    sentence: ({ host }) => `Nobody can sign in at http://${host}: browsers keep the session cookie only for https.`,
    remedy: "Enable spec.routing.tls, or set spec.routing.externalUrl if TLS ends in front of the cluster.",
  },
  PatchOperationSkipped: {
    conditions: ["PatchWarning"],
    when: "A patch changes what it cannot: a container that the predecessor added and this version does not need, or the number of pods.",
    example: {
      index: 0,
      path: "/statefulset/spec/template/spec/containers/1/args/-",
      detail: "a server with a token has no proxy container",
    },
    sentence: ({ index, path, detail }) => `spec.patches[${index}] was skipped${at(path)}: ${detail}.`,
    remedy: "Remove the operation.",
  },
  ChildAdjusted: {
    conditions: ["PatchWarning"],
    when: "A patch asks for something that Kubernetes drops or merges without a word when it creates an object, or that is the server's own.",
    example: {
      childKey: "statefulset",
      fields: ["spec.template.spec.containers[git].securityContext.fsGroup (Kubernetes has no such field)"],
    },
    sentence: ({ childKey, fields }) => `The child "${childKey}" was made without: ${fields.join("; ")}.`,
    remedy: "Remove them from the patch.",
  },
  SkipAuthRouteIgnored: {
    conditions: ["PatchWarning"],
    when: "A patch asks oauth2-proxy to let requests in without a login.",
    example: { args: ["--skip-auth-route=^/public"] },
    sentence: ({ args }) => `Routes without a login are not supported; ignored: ${args.join(" ")}.`,
    remedy: "Remove them from the patch.",
  },
  HibernatedWithoutVolume: {
    conditions: ["StorageWarning"],
    when: "A server without a volume is hibernated.",
    example: {},
    sentence: () => "The server has no volume: its files were lost when it was hibernated.",
    remedy: "Set spec.storage.pvc.enabled to keep files.",
  },
  RootDirOutsideVolume: {
    conditions: ["StorageWarning"],
    when: "`spec.jupyterServer.rootDir` does not lie in `spec.storage.pvc.mountPath`.",
    example: { rootDir: "/home/jovyan", mountPath: "/home/jovyan/work" },
    sentence: ({ rootDir, mountPath }) => `Files in ${rootDir} are lost with the pod: the volume is at ${mountPath}.`,
    remedy: "Set spec.jupyterServer.rootDir to a directory in spec.storage.pvc.mountPath.",
  },
};

type Catalogue = { readonly [R in Reason]: ReasonEntry<R> };

/** The catalogue: every reason, when it applies, what it tells the user and what the user does about it. */
export const REASONS: Catalogue = {
  ...life,
  ...place,
  ...containers,
  ...refusals,
  ...policies,
  ...waiting,
  ...warnings,
  ...policyWarnings,
};

function at(path: string): string {
  return path === "" ? "" : ` at ${path}`;
}
