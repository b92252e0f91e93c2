import type { CullingReason } from "./jupyter-server-status.ts";

/**
 * What each type of condition in a server's status says when it is true. `Reconciling` and `Stalled` follow kstatus:
 * they are there only while they are true. So are `Hibernated`, `UpdatePending` and the warnings. `Ready` is always
 * there except on a hibernated server, which is as its spec requests: kstatus considers everything that is not ready as
 * in progress.
 */
export const CONDITION_MEANINGS = {
  Ready: "The pod is ready and the route to it exists: the server can be opened at `status.url`.",
  Hibernated: "The pod is gone because the spec says so; meanwhile there is no condition `Ready`.",
  Reconciling: "The server is progressing towards its spec; no action is needed.",
  Stalled: "The server, or a part of it, cannot reach its spec until somebody changes something.",
  UpdatePending:
    "The running pod was started with other settings than those in the spec; they apply at its next start.",
  AccessWarning: "The server works, but its access control is probably not what was intended.",
  RouteWarning: "The server runs, but requests for its address may not reach it.",
  PatchWarning: "The server works, but a patch is not applied in full.",
  StorageWarning: "The server works, but files were lost or will be lost.",
  PolicyWarning: "The server works, but something in it or in its spec is not allowed.",
  ActivityUnknown: "It is not known whether the server is idle, so it is kept.",
  CullingPrevented: "Limits of the server are not enforced.",
  HibernationPending: "The server will be hibernated soon.",
  DeletionPending: "The server will be deleted soon.",
} as const;

export type ConditionType = keyof typeof CONDITION_MEANINGS;

/**
 * Every reason that a condition can have, with the values in its sentence. Programs compare
 * reasons, so a reason never changes its meaning, and a retired one is not used again.
 */
export type ReasonValues = {
  // The server's life
  PodReady: { readonly url: string };
  Starting: { readonly detail: string };
  PodMissing: Nothing;
  RoutePending: Nothing;
  NotReady: Contained;
  Hibernating: ByLimit;
  Hibernated: ByLimit;
  Resuming: Nothing;
  Restarting: Nothing;
  Deleting: Nothing;
  ResizeInProgress: Nothing;
  // Scheduling and storage
  Unschedulable: Told;
  NoMatchingNode: Told;
  SchedulingGated: { readonly gates: readonly string[] };
  ScalingUp: Told;
  QuotaExceeded: Told;
  StorageClassMissing: { readonly storageClass: string };
  ClaimPending: { readonly claim: string; readonly detail: string };
  ClaimMissing: { readonly claim: string };
  ClaimLost: { readonly claim: string };
  ClaimDeleting: { readonly claim: string };
  VolumeGrowing: { readonly claim: string; readonly from: string; readonly to: string; readonly detail: string };
  ClaimShrinkRefused: { readonly from: string; readonly to: string };
  ClaimChangeRefused: { readonly field: string; readonly from: string; readonly to: string };
  VolumeMountFailed: Told;
  PodCreationFailed: Told;
  SandboxFailed: Told;
  // Image and containers
  /** `missingSecrets`: names of pull secrets that the node did not find. */
  ImageNotFound: { readonly image: string; readonly missingSecrets?: string };
  ImagePullFailed: { readonly image: string; readonly detail: string };
  InvalidImageName: { readonly image: string };
  SecretMissing: { readonly secret: string };
  SecretKeyMissing: { readonly secret: string; readonly key: string };
  TokenEmpty: Nothing;
  ConfigMapMissing: { readonly configMap: string };
  ConfigMapKeyMissing: { readonly configMap: string; readonly key: string };
  ContainerConfigError: Contained & Told;
  ContainerStartFailed: Contained & Told;
  ContainerFailed: Contained & { readonly exitCode: number };
  CrashLoop: Contained & { readonly exitCode: number; readonly restarts: number };
  /** `cause`: undefined if oauth2-proxy has said none that is known. */
  ProviderUnusable: {
    readonly issuer: string;
    readonly cause: string | undefined;
    readonly pod: string;
    readonly namespace: string;
  };
  OutOfMemory: Contained;
  NotAnswering: Contained & { readonly port: number | string; readonly path: string };
  Evicted: Told;
  PodFailed: Told;
  NodeLost: { readonly node: string };
  PodStuck: Told;
  // What cannot be created
  InvalidSpec: { readonly field: string; readonly detail: string };
  InvalidPatch: { readonly index: number; readonly path: string; readonly detail: string };
  ChildKindRefused: { readonly childKey: string; readonly apiVersion: string; readonly kind: string };
  InvalidChild: { readonly childKey: string; readonly detail: string };
  RouteTaken: { readonly route: string; readonly holder: string; readonly keptUrl: string | undefined };
  NameTaken: { readonly kind: string; readonly name: string };
  EarlierServerLeaving: { readonly kind: string };
  Forbidden: { readonly childKey: string; readonly detail: string };
  WriteFailed: { readonly childKey: string; readonly code: number; readonly detail: string };
  ReconcileFailed: Told;
  PredecessorRunning: Nothing;
  PodSecurity: { readonly childKey: string; readonly level: string } & Ruled;
  NotAllowed: { readonly childKey: string; readonly field: string; readonly detail: string; readonly setting: string };
  TooManyServers: { readonly namespace: string; readonly limit: number };
  DecisionFailed: Told;
  // Pending updates
  ChangesWaiting: { readonly fields: readonly string[] };
  TokenChanged: { readonly secret: string };
  ClientSecretChanged: { readonly secret: string };
  PredecessorLayout: Nothing;
  ResizeNotPossible: Told;
  ResizeDeferred: Told;
  ResizeInfeasible: Told;
  ResizeFailed: Told;
  // Warnings
  OpenWithoutAccessControl: Nothing;
  NobodyAuthorized: Nothing;
  SessionsNotRenewed: Nothing;
  UnverifiedEmailsCount: Nothing;
  PlainHttpOidc: { readonly host: string };
  IngressClassMissing: { readonly ingressClass: string };
  TlsSecretMissing: { readonly secret: string };
  PatchOperationSkipped: { readonly index: number; readonly path: string; readonly detail: string };
  ChildAdjusted: { readonly childKey: string; readonly fields: readonly string[] };
  ChangedByOthers: { readonly childKey: string; readonly fields: readonly string[] };
  SkipAuthRouteIgnored: { readonly args: readonly string[] };
  TokenIssuerIgnored: { readonly args: readonly string[] };
  EmailDomainIgnored: { readonly domains: readonly string[] };
  AuthoritiesNotShared: { readonly files: readonly string[] };
  HibernatedWithoutVolume: Nothing;
  FilesLost: { readonly what: string; readonly at: string; readonly cause: string };
  RootDirOutsideVolume: { readonly rootDir: string; readonly mountPath: string };
  ViolationTolerated: { readonly violations: readonly string[] };
  IngressAnnotationIgnored: { readonly childKey: string; readonly names: readonly string[] };
  // Limits
  ActivityUnreadable: Told;
  LimitNear: { readonly limit: CullingReason; readonly at: string; readonly isMaximum: boolean };
  DeletionNear: ReasonValues["LimitNear"];
  NoVolumeToKeep: { readonly limits: readonly CullingReason[]; readonly what: string };
  KeepAliveUnreadable: Nothing;
  HibernatedIsApplied: { readonly limits: readonly CullingReason[]; readonly manager: string };
  NotEnforced: { readonly limit: CullingReason; readonly done: "hibernated" | "deleted"; readonly at: string };
};

export type Reason = keyof ReasonValues;

/** No values. */
export type Nothing = Readonly<Record<never, never>>;

/** What Kubernetes says about the case, in its own words. */
export type Told = { readonly detail: string };

/** The limit that hibernated the server; empty if somebody did. */
export type ByLimit = { readonly limit?: CullingReason; readonly at?: string };

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
  /** What the user does about it; absent when there is nothing to do. */
  readonly remedy?: string;
};

const PROGRESS: readonly ConditionType[] = ["Ready", "Reconciling"];
const STALL: readonly ConditionType[] = ["Ready", "Stalled"];
/** Reported as progress at first; as a stall if it persists, or if only a person can fix it. */
const EITHER: readonly ConditionType[] = ["Ready", "Reconciling", "Stalled"];

/** Each container of a pod has an image. */
const WHERE_IMAGES_ARE_NAMED =
  "spec.jupyterServer.image (of a container of the login: the chart value sidecarImages; of an added one: its patch; of a volume: spec.jupyterServer.extraVolumes or its patch)";

/** Before the name of the other server, in messages about a route that it has. */
const ROUTED_TO = "is already routed to the server";

/**
 * The other server, `namespace/name`, that a message of the reason `RouteTaken` names; undefined in any other message.
 */
export function routeHolderIn(message: string): string | undefined {
  return new RegExp(`${ROUTED_TO} ([a-z0-9./-]*[a-z0-9])`).exec(message)?.[1];
}

/** Of a limit that will be reached, with what to set so that the server is kept, where that helps. */
function nearLimit(
  done: "hibernated" | "deleted",
  { limit, at, isMaximum }: ReasonValues["LimitNear"],
  toKeepIt: string,
): string {
  const advice = isMaximum
    ? "An administrator has set it as a maximum for all servers: nothing in the spec postpones it."
    : `Set spec.culling.keepAliveUntil to a later time ${toKeepIt}.`;
  return `The server will be ${done} at ${at}, when its limit ${limit} is reached. ${advice}`;
}

/** Every reason: when it applies, its message, and what the user does about it. */
export const REASONS: { readonly [R in Reason]: ReasonEntry<R> } = {
  // The server's life
  PodReady: {
    conditions: ["Ready"],
    when: "The pod is ready and its route exists.",
    example: { url: "https://hub.example.org/sessions/alice" },
    sentence: ({ url }) => `The pod is ready and its route exists: ${url}.`,
  },
  Starting: {
    conditions: PROGRESS,
    when: "The pod exists and its containers are starting.",
    example: { detail: "container jupyter-server is being created" },
    sentence: ({ detail }) => `The server is starting: ${detail}.`,
  },
  PodMissing: {
    conditions: PROGRESS,
    when: "The StatefulSet controller has not created the pod yet.",
    example: {},
    sentence: () => "The server is starting: its pod does not exist yet.",
  },
  RoutePending: {
    conditions: PROGRESS,
    when: "The pod is ready, but its Ingress does not exist yet or does not have its route yet.",
    example: {},
    sentence: () => "The pod is ready; its route is being created.",
  },
  NotReady: {
    conditions: PROGRESS,
    when: "A container that was ready no longer passes its readiness probe.",
    example: { container: "jupyter-server" },
    sentence: ({ container }) => `Container ${container} is running but not ready.`,
    remedy: "The kubelet restarts it if this persists; see its log.",
  },
  Hibernating: {
    conditions: PROGRESS,
    when: "`spec.jupyterServer.hibernated` is true and the pod still exists.",
    example: {},
    sentence: (by) => `The server is being hibernated${becauseOf(by)}.`,
  },
  Hibernated: {
    conditions: ["Hibernated"],
    when: "`spec.jupyterServer.hibernated` is true and the pod is gone.",
    example: { limit: "Idle", at: "2026-03-01T18:00:00Z" },
    sentence: (by) => `The server is hibernated${becauseOf(by)}.`,
    remedy: "Set spec.jupyterServer.hibernated to false to resume it.",
  },
  Resuming: {
    conditions: PROGRESS,
    when: "The server was hibernated and has no pod yet.",
    example: {},
    sentence: () => "The server is being resumed.",
  },
  Restarting: {
    conditions: PROGRESS,
    when: "The pod is being replaced because a restart was requested, or because `updatePolicy` is `Restart`.",
    example: {},
    sentence: () => "The server is being restarted.",
  },
  Deleting: {
    conditions: PROGRESS,
    when: "The object is being deleted.",
    example: {},
    sentence: () => "The server is being deleted.",
  },
  ResizeInProgress: {
    conditions: ["Reconciling"],
    when: "CPU or memory of the running pod is being resized in place.",
    example: {},
    sentence: () => "The running pod is being resized.",
  },
  // Scheduling and storage
  Unschedulable: {
    conditions: EITHER,
    when: "No node fits the pod; a stall after the grace period.",
    example: { detail: "0/3 nodes are available: 3 Insufficient memory." },
    sentence: ({ detail }) => `No node can run the server: ${detail}`,
    remedy:
      "Request less in spec.jupyterServer.resources, or have a node added, in the zone of its volume if it has one.",
  },
  NoMatchingNode: {
    conditions: EITHER,
    when: "No node has the labels that the pod requires, or all nodes that have them are tainted; a stall after the grace period.",
    example: { detail: "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector." },
    sentence: ({ detail }) => `No node matches the server's requirements: ${detail}`,
    remedy:
      "Correct spec.jupyterServer.nodeSelector, affinity or tolerations, or have a node with these labels added (kubectl get nodes --show-labels).",
  },
  SchedulingGated: {
    conditions: PROGRESS,
    when: "The pod has scheduling gates, as set by queueing systems such as Kueue. It may wait indefinitely.",
    example: { gates: ["kueue.x-k8s.io/admission"] },
    sentence: ({ gates }) =>
      `The server is waiting to be admitted: its pod has the scheduling gates ${gates.join(", ")}.`,
    remedy: "It starts when the gates are removed; check the queue, or remove the patch that sets them.",
  },
  ScalingUp: {
    conditions: PROGRESS,
    when: "The cluster autoscaler, or Karpenter, is adding a node for the pod.",
    example: { detail: "pod triggered scale-up: [{pool-1 3->4 (max: 10)}]" },
    sentence: ({ detail }) => `The server is waiting for a new node: ${detail}.`,
  },
  QuotaExceeded: {
    conditions: STALL,
    when: "A ResourceQuota of the namespace rejects the pod or another child.",
    example: { detail: "exceeded quota: sessions, requested: memory=4Gi, used: memory=14Gi, limited: memory=16Gi" },
    sentence: ({ detail }) => `The resource quota has been exceeded: ${detail}.`,
    remedy: "Hibernate or delete another server, or request less in spec.jupyterServer.resources or spec.storage.size.",
  },
  StorageClassMissing: {
    conditions: STALL,
    when: "The PersistentVolumeClaim names a storage class that does not exist.",
    example: { storageClass: "fast" },
    sentence: ({ storageClass }) => `The storage class ${storageClass} does not exist.`,
    remedy: "Correct spec.storage.pvc.storageClassName; the claim holds no data yet and is recreated.",
  },
  ClaimPending: {
    conditions: EITHER,
    when: "The PersistentVolumeClaim is not bound to a volume yet; a stall if its provisioner reports an error.",
    example: { claim: "alice", detail: "waiting for a volume to be created" },
    sentence: ({ claim, detail }) => `The PersistentVolumeClaim ${claim} has no volume yet: ${detail}.`,
    remedy:
      "If this persists, see the events of the claim (kubectl describe pvc); its storage class must be able to create a volume, or one that fits must exist. When spec.storage.pvc is corrected, a claim without a volume is recreated.",
  },
  ClaimMissing: {
    conditions: STALL,
    when: "`spec.storage.pvc.existingClaim`, or another volume of the pod, names a claim that does not exist.",
    example: { claim: "shared-data" },
    sentence: ({ claim }) => `The PersistentVolumeClaim ${claim} does not exist.`,
    remedy:
      "Create it, or correct its name in spec.storage.pvc.existingClaim, spec.jupyterServer.extraVolumes or the patch.",
  },
  ClaimLost: {
    conditions: STALL,
    when: "The PersistentVolume bound to the claim no longer exists.",
    example: { claim: "alice" },
    sentence: ({ claim }) => `The volume of the PersistentVolumeClaim ${claim} is lost.`,
    remedy: "Restore the volume from a backup, or delete the claim to start with an empty one.",
  },
  ClaimDeleting: {
    conditions: ["StorageWarning"],
    when: "Somebody deleted the PersistentVolumeClaim of a server whose pod still uses it.",
    example: { claim: "alice" },
    sentence: ({ claim }) =>
      `The PersistentVolumeClaim ${claim} was deleted: its files are lost when the pod of the server stops.`,
    remedy: "Copy them elsewhere before the server is hibernated or restarted; the deletion cannot be undone.",
  },
  VolumeGrowing: {
    conditions: ["Reconciling", "Stalled"],
    when: "The volume of a running server does not have the size that spec.storage.size requests yet; a stall after the grace period.",
    example: { claim: "alice", from: "1Gi", to: "2Gi", detail: "no progress is reported" },
    sentence: ({ claim, from, to, detail }) =>
      `The volume of the PersistentVolumeClaim ${claim} is being expanded from ${from} to ${to}: ${detail}.`,
    remedy:
      "If this persists, see the events of the claim: the driver of its storage class performs it, some only when the server is restarted.",
  },
  ClaimShrinkRefused: {
    conditions: ["Stalled"],
    when: "`spec.storage.size` is smaller than the volume; the server keeps the volume as it is.",
    example: { from: "10Gi", to: "5Gi" },
    sentence: ({ from, to }) => `A volume cannot shrink: its size is ${from}, but spec.storage.size requests ${to}.`,
    remedy: "Set spec.storage.size to at least the size of the volume.",
  },
  ClaimChangeRefused: {
    conditions: ["Stalled"],
    when: "A field of a bound claim changed that is immutable in Kubernetes; the server keeps its volume.",
    example: { field: "storage.pvc.storageClassName", from: "standard", to: "fast" },
    sentence: ({ field, from, to }) => `spec.${field} of an existing volume cannot change from ${from} to ${to}.`,
    remedy: "Revert it; to move, copy the files to a new server.",
  },
  VolumeMountFailed: {
    conditions: EITHER,
    when: "A volume of the pod cannot be attached or mounted.",
    example: { detail: "Multi-Attach error for volume pvc-7f: volume is already used by pod(s) bob-0" },
    sentence: ({ detail }) => `A volume of the server cannot be mounted: ${detail}.`,
    remedy: "If another pod, or a node that is down, still uses it, release it there.",
  },
  PodCreationFailed: {
    conditions: EITHER,
    when: "The API server does not create the pod because something in the cluster fails, such as an admission webhook that is down; a stall after the grace period.",
    example: {
      detail: 'failed calling webhook "pods.example.org": no endpoints available for service "webhook"',
    },
    sentence: ({ detail }) => `The pod of the server cannot be created: ${detail}.`,
    remedy: "It is retried at least every 30 seconds in the first hour; if this persists, ask an administrator.",
  },
  SandboxFailed: {
    conditions: EITHER,
    when: "The node cannot set up the pod before its containers: network plugin, runtime class, container runtime; a stall after the grace period.",
    example: {
      detail: 'plugin type="calico" failed (add): error getting ClusterInformation: connection is unauthorized',
    },
    sentence: ({ detail }) => `The node cannot set up the pod of the server: ${detail}.`,
    remedy: "The kubelet retries; if this persists, ask an administrator, or have the server start on another node.",
  },
  // Image and containers
  ImageNotFound: {
    conditions: STALL,
    when: "The registry does not have the image, or does not allow this client to pull it, for instance because a pull secret does not exist.",
    example: { image: "jupyter/minimal-notebook:v99" },
    sentence: ({ image, missingSecrets }) =>
      `The image ${image} does not exist, or pulling it needs credentials` +
      (missingSecrets === undefined ? "." : `; the node did not find these pull secrets: ${missingSecrets}.`),
    remedy: `Correct ${WHERE_IMAGES_ARE_NAMED}, or create its pull secret and name it in spec.jupyterServer.imagePullSecrets.`,
  },
  ImagePullFailed: {
    conditions: STALL,
    when: "The image cannot be pulled for another reason: registry, network, credentials.",
    example: { image: "hub.example.org/lab:1", detail: "dial tcp: lookup hub.example.org: no such host" },
    sentence: ({ image, detail }) => `The image ${image} cannot be pulled: ${detail}.`,
    remedy: `The kubelet retries; if the name is wrong, correct ${WHERE_IMAGES_ARE_NAMED}.`,
  },
  InvalidImageName: {
    conditions: STALL,
    when: "The image reference is malformed.",
    example: { image: "Jupyter/Notebook:v1" },
    sentence: ({ image }) => `"${image}" is not a valid image reference.`,
    remedy: `Correct ${WHERE_IMAGES_ARE_NAMED}.`,
  },
  SecretMissing: {
    conditions: STALL,
    when: "A container needs a Secret that does not exist.",
    example: { secret: "idp-client" },
    sentence: ({ secret }) => `The Secret ${secret} does not exist.`,
    remedy: "Create it in the server's namespace, or correct the reference to it.",
  },
  SecretKeyMissing: {
    conditions: STALL,
    when: "A container needs a key of a Secret that the Secret does not have.",
    example: { secret: "idp-client", key: "client-secret" },
    sentence: ({ secret, key }) => `The Secret ${secret} has no key ${key}.`,
    remedy: "Add the key to the Secret, or correct the key in the reference to it.",
  },
  TokenEmpty: {
    conditions: STALL,
    when: "Jupyter refuses to start, because the token in its Secret is empty and it would be open to everybody.",
    example: {},
    sentence: () => "The server does not start, because its token is empty.",
    remedy:
      "Put a token into its Secret, which is the server's own unless spec.auth.tokenSecretRef names another, then restart the server.",
  },
  ConfigMapMissing: {
    conditions: STALL,
    when: "A container needs a ConfigMap that does not exist.",
    example: { configMap: "company-ca" },
    sentence: ({ configMap }) => `The ConfigMap ${configMap} does not exist.`,
    remedy: "Create it in the server's namespace, or correct the reference to it.",
  },
  ConfigMapKeyMissing: {
    conditions: STALL,
    when: "A container needs a key of a ConfigMap that the ConfigMap does not have.",
    example: { configMap: "company-ca", key: "ca.crt" },
    sentence: ({ configMap, key }) => `The ConfigMap ${configMap} has no key ${key}.`,
    remedy: "Add the key to the ConfigMap, or correct the key in the reference to it.",
  },
  ContainerConfigError: {
    conditions: STALL,
    when: "The kubelet cannot create a container from its configuration for another reason.",
    example: { container: "jupyter-server", detail: "container has runAsNonRoot and image will run as root" },
    sentence: ({ container, detail }) => `Container ${container} cannot be created: ${detail}.`,
    remedy: "Correct the setting or the patch that it comes from.",
  },
  ContainerStartFailed: {
    conditions: STALL,
    when: "The container was created, but its command does not start.",
    example: { container: "jupyter-server", detail: 'exec: "start-notebook.sh": executable file not found in $PATH' },
    sentence: ({ container, detail }) => `Container ${container} cannot be started: ${detail}.`,
    remedy:
      "Correct spec.jupyterServer.command, args or lifecycle, use an image that starts a Jupyter server, or correct the patch that adds the container.",
  },
  ContainerFailed: {
    conditions: EITHER,
    when: "A container terminated with an error and is restarted; a stall if it is not restarted.",
    example: { container: "prepare", exitCode: 1 },
    sentence: ({ container, exitCode }) => `Container ${container} terminated with exit code ${exitCode}.`,
    remedy: "See its log.",
  },
  CrashLoop: {
    conditions: STALL,
    when: "A container keeps terminating and is not ready.",
    example: { container: "jupyter-server", exitCode: 1, restarts: 5 },
    sentence: ({ container, exitCode, restarts }) =>
      `Container ${container} keeps terminating, last with exit code ${exitCode}, after ${restarts} restarts.`,
    remedy: "See its log.",
  },
  ProviderUnusable: {
    conditions: STALL,
    when: "The container oauth2-proxy keeps terminating when it starts, which it does if it cannot read the configuration of the login's provider.",
    example: {
      issuer: "https://login.example.org/realms/lab",
      cause: "its issuer is https://login.example.org/realms/Lab, and the two must be identical",
      pod: "alice-0",
      namespace: "sessions",
    },
    sentence: ({ issuer, cause, pod, namespace }) =>
      (cause === undefined
        ? `The login (container oauth2-proxy) keeps terminating: usually because the provider at ${issuer} cannot be reached from the pod, or has another issuer.`
        : `The login (container oauth2-proxy) cannot use the provider at ${issuer}: ${cause}.`) +
      ` Its log: kubectl logs -n ${namespace} ${pod} -c oauth2-proxy.`,
    remedy:
      "Correct spec.auth.oidc.issuerUrl, set trustedCA next to it for a private certificate authority, or make the provider reachable from pods; it is retried until then.",
  },
  OutOfMemory: {
    conditions: EITHER,
    when: "A container that is not ready was killed because it exceeded its memory limit.",
    example: { container: "jupyter-server" },
    sentence: ({ container }) => `Container ${container} exceeded its memory limit and was killed.`,
    remedy:
      "Raise its memory limit (of jupyter-server: spec.jupyterServer.resources; of a container of the login: spec.jupyterServer.sidecarResources), or use less.",
  },
  NotAnswering: {
    conditions: STALL,
    when: "The program in the container is running, but has not responded at the expected port and path within the time that a start may take: it listens elsewhere, or hangs.",
    example: { container: "jupyter-server", port: 8888, path: "/sessions/alice/api" },
    sentence: ({ container, port, path }) =>
      `Container ${container} is running, but does not respond on port ${port} under ${path}.`,
    remedy:
      "See its log for the port and the base URL that it uses: they come from the mounted configuration, which an option of the image or of a patch may override.",
  },
  Evicted: {
    conditions: EITHER,
    when: "The kubelet evicted the pod; a new one is created.",
    example: { detail: "The node was low on resource: ephemeral-storage." },
    sentence: ({ detail }) => `The server was evicted from its node: ${detail}`,
    remedy: "If it used too much disk space, raise spec.storage.size or use a volume.",
  },
  PodFailed: {
    conditions: EITHER,
    when: "The pod as a whole failed for another reason.",
    example: { detail: "Pod was terminated in response to imminent node shutdown." },
    sentence: ({ detail }) => `The server's pod failed: ${detail}`,
  },
  NodeLost: {
    conditions: EITHER,
    when: "The node of the pod is unreachable.",
    example: { node: "worker-3" },
    sentence: ({ node }) => `The node ${node} that runs the server is unreachable.`,
    remedy: "The server continues when the node is back; an administrator can taint the node as out-of-service.",
  },
  PodStuck: {
    conditions: EITHER,
    when: "The previous pod of the server is being deleted and does not terminate; a stall after the grace period.",
    example: { detail: "its finalizers are still set: example.org/backup" },
    sentence: ({ detail }) => `The previous pod of the server has not terminated: ${detail}.`,
    remedy:
      "It is deleted once its finalizers are removed and its node has stopped it; ask an administrator if this persists.",
  },
  // What cannot be created
  InvalidSpec: {
    conditions: STALL,
    when: "A field has a value that can never work. New objects with it are rejected; this one was stored before the validation existed.",
    example: { field: "routing.host", detail: "it is missing; set it to the host name of the server" },
    sentence: ({ field, detail }) =>
      `${field.startsWith("metadata.") ? field : `spec.${field}`} is invalid: ${detail}.`,
  },
  InvalidPatch: {
    conditions: STALL,
    when: "A patch cannot be applied; what is already running is not changed.",
    example: { index: 0, path: "/statefulset/spec/replica", detail: "there is nothing at this path" },
    sentence: ({ index, path, detail }) => `spec.patches[${index}] cannot be applied${at(path)}: ${detail}.`,
    remedy: "Correct or remove it; until then the server stays as it is.",
  },
  ChildKindRefused: {
    conditions: STALL,
    when: "A patch adds an object of a kind that the administrator does not allow.",
    example: { childKey: "job", apiVersion: "batch/v1", kind: "Job" },
    sentence: ({ childKey, apiVersion, kind }) =>
      `A patch adds "${childKey}", but the kind ${kind} (${apiVersion}) is not allowed.`,
    remedy: "Remove the patch, or have the kind added to the chart value extraChildResources.",
  },
  InvalidChild: {
    conditions: STALL,
    when: "The API server rejects a child as invalid, or a patch turns it into something that cannot be a child.",
    example: { childKey: "statefulset", detail: "spec.template.spec.containers[0].image: Required value" },
    sentence: ({ childKey, detail }) => `The child "${childKey}" is not valid: ${detail}.`,
    remedy: "Correct the setting or the patch that it comes from.",
  },
  RouteTaken: {
    conditions: STALL,
    when: "Another server already serves the same host and path, or is older and requests them; or a rule of an Ingress would capture requests of another server.",
    example: {
      route: "hub.example.org/sessions/alice",
      holder: "sessions/alice",
      keptUrl: "https://hub.example.org/sessions/bob",
    },
    sentence: ({ route, holder, keptUrl }) =>
      `${route} ${ROUTED_TO} ${holder}` + (keptUrl === undefined ? "." : `; this server stays at ${keptUrl}.`),
    remedy: "Choose another host or path, in spec.routing or in the patch that requests it.",
  },
  NameTaken: {
    conditions: STALL,
    when: "An object with the name of a child exists and does not belong to this server; it is not changed.",
    example: { kind: "Service", name: "alice" },
    sentence: ({ kind, name }) => `The ${kind} ${name} already exists and does not belong to this server.`,
    remedy:
      "Give the server, or the object that a patch adds, another name, or rename the other object. If it is a PersistentVolumeClaim, it may contain somebody's files: to use it, name it in spec.storage.pvc.existingClaim.",
  },
  EarlierServerLeaving: {
    conditions: EITHER,
    when: "The server was created right after another one of the same name was deleted, and children of the deleted server still exist; a stall after the grace period.",
    example: { kind: "PersistentVolumeClaim" },
    sentence: ({ kind }) => `The ${kind} of the deleted server of the same name is still being removed.`,
    remedy: "If this persists, see its finalizers (kubectl get -o yaml).",
  },
  Forbidden: {
    conditions: STALL,
    when: "The controller is not permitted to write the child, by RBAC or by an admission policy.",
    example: { childKey: "statefulset", detail: "pods must not use the host network" },
    sentence: ({ childKey, detail }) => `The cluster does not permit the child "${childKey}": ${detail}.`,
    remedy: "Correct the setting or the patch that it comes from, or ask an administrator.",
  },
  WriteFailed: {
    conditions: STALL,
    when: "The API server returns another error for a write, which is retried.",
    example: { childKey: "ingress", code: 500, detail: "failed calling webhook: no endpoints available" },
    sentence: ({ childKey, code, detail }) => `The child "${childKey}" cannot be written (${code}): ${detail}.`,
    remedy: "It is retried; if this persists, ask an administrator.",
  },
  DecisionFailed: {
    conditions: STALL,
    when: "The controller cannot process this object, because of a bug in the controller. What is already running is not changed.",
    example: { detail: "TypeError" },
    sentence: ({ detail }) => `The controller failed to process this server: ${detail}.`,
    remedy:
      "See the log of the controller, and report the bug with the spec of the server. The controller retries when the server changes, and every 10 minutes.",
  },
  ReconcileFailed: {
    conditions: STALL,
    when: "A reconcile of this server keeps failing for a reason that does not concern a single child, for instance an internal error of the controller. It is retried at least every five minutes.",
    example: { detail: "internal error (TypeError)" },
    sentence: ({ detail }) => `The controller cannot reconcile this server: ${detail}.`,
    remedy: "It is retried; if this persists, see the log of the controller.",
  },
  PredecessorRunning: {
    conditions: ["Stalled"],
    when: "The legacy controller (0.24) still reconciles the same server; the new controller does not touch it.",
    example: {},
    sentence: () => "The legacy Amalthea controller (0.24) still reconciles this server.",
    remedy:
      "Scale its Deployment to zero (never uninstall its release: that deletes every server), or remove this namespace from its scope.",
  },
  PodSecurity: {
    conditions: STALL,
    when: "A pod, after patches, violates its Pod Security level; what is already running is not changed.",
    example: {
      ...{ childKey: "statefulset", level: "baseline", rule: "privileged" },
      ...{ field: "spec.template.spec.containers[tool].securityContext.privileged", value: "true" },
    },
    sentence: ({ childKey, level, rule, field, value }) =>
      `The child "${childKey}" violates the control ${rule} of the Pod Security level ${level}: ${field} is ${value === "" ? "not set as it must be" : value}.`,
    remedy:
      "Correct the setting or the patch that it comes from, or have an administrator change the chart value policy.podSecurity.",
  },
  NotAllowed: {
    conditions: STALL,
    when: "A child violates the administrator's policy (chart value `policy`); what is already running is not changed.",
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
    sentence: ({ namespace, limit }) => `The namespace ${namespace} has more than the allowed ${limit} servers.`,
    remedy: "Delete another server of the namespace, or ask an administrator.",
  },
  // Pending updates
  ChangesWaiting: {
    conditions: ["UpdatePending"],
    when: "Fields that need a new pod have changed while a pod is running.",
    example: { fields: ["jupyterServer.image", "routing.path"] },
    sentence: ({ fields }) => `Changes to these fields have not reached the running pod yet: ${fields.join(", ")}.`,
    remedy: "Hibernate and resume the server, or restart it, at a time that suits its user.",
  },
  TokenChanged: {
    conditions: ["UpdatePending"],
    when: "The token in the Secret that `spec.auth.tokenSecretRef` names has changed since the running container started. The Secret is read at the start and then every 10 minutes.",
    example: { secret: "alices-token" },
    sentence: ({ secret }) =>
      `The token in the Secret ${secret} (spec.auth.tokenSecretRef) changed; the running pod still accepts the previous one.`,
    remedy: "Hibernate and resume the server, or restart it, at a time that suits its user.",
  },
  ClientSecretChanged: {
    conditions: ["UpdatePending"],
    when: "The client secret in the Secret that `spec.auth.oidc.clientSecret` names has changed since oauth2-proxy started. The Secret is read at the start and then every 10 minutes.",
    example: { secret: "jupyter-login" },
    sentence: ({ secret }) =>
      `The client secret in the Secret ${secret} (spec.auth.oidc.clientSecret) changed; the login of the running pod still uses the previous one.`,
    remedy:
      "Hibernate and resume the server, or restart it, before the provider stops accepting the previous one: nobody could sign in after that.",
  },
  PredecessorLayout: {
    conditions: ["UpdatePending"],
    when: "The objects of the server were created by the legacy controller (0.24) and are kept until its pod is replaced.",
    example: {},
    sentence: () => "The server still runs in the legacy layout (0.24).",
    remedy: "It is migrated when it is next resumed or restarted.",
  },
  ResizeNotPossible: {
    conditions: ["UpdatePending"],
    when: "The change of resources is not possible for a running pod.",
    example: { detail: "the number of GPUs changes" },
    sentence: ({ detail }) => `The new resources require a new pod: ${detail}.`,
    remedy: "Hibernate and resume the server, or restart it, at a time that suits its user.",
  },
  ResizeDeferred: {
    conditions: ["UpdatePending"],
    when: "The node does not have the new resources available at present.",
    example: { detail: "Node didn't have enough resource: memory, requested: 8Gi, capacity: 16Gi" },
    sentence: ({ detail }) => `The node does not have the new resources available at present: ${detail}.`,
    remedy: "The resize is completed when they are available; a restart may find another node.",
  },
  ResizeFailed: {
    conditions: ["UpdatePending"],
    when: "The kubelet cannot resize the running pod, for instance below the memory that it uses; it keeps trying.",
    example: { detail: "attempting to set pod memory limit (268435456) below current usage (402653184)" },
    sentence: ({ detail }) => `The running pod cannot be resized: ${detail}.`,
    remedy: "Free memory (shut kernels down), request more, or restart the server at a time that suits its user.",
  },
  ResizeInfeasible: {
    conditions: ["UpdatePending"],
    when: "The node can never provide the new resources.",
    example: { detail: "Node didn't have enough capacity: memory, requested: 64Gi, capacity: 16Gi" },
    sentence: ({ detail }) => `The node is too small for the new resources: ${detail}.`,
    remedy: "Hibernate and resume the server to have it scheduled again, or request less.",
  },
  // Warnings
  OpenWithoutAccessControl: {
    conditions: ["AccessWarning"],
    when: "`spec.auth.token` is empty and OIDC is disabled.",
    example: {},
    sentence: () => "Everybody who can reach the server can use it, because spec.auth.token is empty.",
    remedy: "Remove spec.auth.token to have one generated, or enable spec.auth.oidc.",
  },
  NobodyAuthorized: {
    conditions: ["AccessWarning"],
    when: "OIDC is enabled, but no criterion says who is authorized.",
    example: {},
    sentence: () => "Nobody is authorized, because spec.auth.oidc names no user, e-mail address or group.",
    remedy: "Add entries to one of its lists, or set spec.auth.oidc.allowAnyUser.",
  },
  SessionsNotRenewed: {
    conditions: ["AccessWarning"],
    when: "The provider of the login has not renewed any session of the running pod, most likely because it does not issue refresh tokens. Detected when the controller polls the activity of the server, which it does when an idle limit is near.",
    example: {},
    sentence: () =>
      "The provider does not renew the sessions of the login, so a user who is disabled there stays signed in for the full length of the session.",
    remedy:
      "Add the scope offline_access to spec.auth.oidc.scopes, or configure the provider to issue refresh tokens to this client; otherwise choose a shorter spec.auth.oidc.session.lengthSeconds, and set renewalSeconds to 0 there. Each takes effect at the next start.",
  },
  UnverifiedEmailsCount: {
    conditions: ["AccessWarning"],
    when: "A server that was created under 0.24 names e-mail addresses but does not set `allowUnverifiedEmail`.",
    example: {},
    sentence: () =>
      "An e-mail address counts even if the provider does not say whether it is verified, because this server was created under 0.24.",
    remedy:
      "If nobody can claim somebody else's address at your provider, set spec.auth.oidc.allowUnverifiedEmail; otherwise authorize people by spec.auth.oidc.authorizedUserIds.",
  },
  PlainHttpOidc: {
    conditions: ["AccessWarning"],
    when: "OIDC is enabled and the address of the server is plain http on a host other than localhost.",
    example: { host: "hub.example.org" },
    sentence: ({ host }) => `Nobody can sign in at http://${host}: browsers keep the session cookie for https only.`,
    remedy: "Enable spec.routing.tls, or set spec.routing.externalUrl if TLS is terminated in front of the cluster.",
  },
  IngressClassMissing: {
    conditions: ["RouteWarning"],
    when: "An Ingress of the server names an IngressClass that does not exist; most ingress controllers ignore such an Ingress. Detected only if the controller watches the whole cluster.",
    example: { ingressClass: "nginx-internal" },
    sentence: ({ ingressClass }) =>
      `The IngressClass ${ingressClass} does not exist, so requests may not reach the server.`,
    remedy:
      "Correct spec.routing.ingressClassName (kubectl get ingressclasses lists those that exist), or have the class created.",
  },
  TlsSecretMissing: {
    conditions: ["RouteWarning"],
    when: "An Ingress of the server names a TLS Secret that does not exist. It is reported as missing two minutes after the creation of the Ingress at the earliest, so that cert-manager has time to issue it. It is looked up every 30 seconds while it is missing, otherwise every 10 minutes. Only the metadata of the Secret is read, and only the first 20 names are looked up.",
    example: { secret: "hub-tls" },
    sentence: ({ secret }) =>
      `The Secret ${secret} with the certificate of the server's address does not exist, so browsers may warn of another certificate or not connect.`,
    remedy:
      "Correct spec.routing.tls.secretName, or create the Secret in the namespace of the server; if cert-manager issues it, see kubectl describe certificate.",
  },
  PatchOperationSkipped: {
    conditions: ["PatchWarning"],
    when: "A patch changes something that cannot be changed: a container or a probe that only the legacy layout (0.24) has, or the number of replicas.",
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
    when: "A patch, or a field of the spec that has the form of a part of a pod, sets something that Kubernetes drops or merges silently when it creates an object, or that is reserved for the server.",
    example: {
      childKey: "statefulset",
      fields: [
        "spec.template.spec.containers[git].securityContext.fsGroup (Kubernetes has no such field)",
        "spec.jupyterServer.tolerations[0].efect (Kubernetes has no such field)",
      ],
    },
    sentence: ({ childKey, fields }) => `The child "${childKey}" was created without: ${fields.join("; ")}.`,
    remedy:
      "Correct them, or remove them from the patch; fields of spec.jupyterServer and spec.storage are in the spec itself, or in the chart value serverDefaults.",
  },
  ChangedByOthers: {
    conditions: ["PatchWarning"],
    when: "After a patch was applied, somebody else changed values in which later writes take precedence over patches: fields of containers that patches added, the priority class of the pod, data of ConfigMaps that patches added.",
    example: { childKey: "statefulset", fields: ["spec.template.spec.containers[git].env"] },
    sentence: ({ childKey, fields }) =>
      `Somebody else changed the child "${childKey}" after the patches were applied, and that stays: ${fields.join(", ")}.`,
    remedy: "Nothing, if that was intended. A change of the patch takes precedence again.",
  },
  SkipAuthRouteIgnored: {
    conditions: ["PatchWarning"],
    when: "A patch configures oauth2-proxy to skip authentication for some routes or client addresses.",
    example: { args: ["--skip-auth-route=^/public"] },
    sentence: ({ args }) => `Access without authentication is not supported; ignored: ${args.join(" ")}.`,
    remedy: "Remove them from the patch.",
  },
  TokenIssuerIgnored: {
    conditions: ["PatchWarning"],
    when: "A patch configures oauth2-proxy to accept tokens of a provider other than the login's.",
    example: { args: ["--extra-jwt-issuers=https://other.example.org=jupyter"] },
    sentence: ({ args }) => `Only tokens of spec.auth.oidc.issuerUrl are accepted; ignored: ${args.join(" ")}.`,
    remedy: "Remove them from the patch; set spec.auth.oidc.bearer to accept tokens of the login's own provider.",
  },
  EmailDomainIgnored: {
    conditions: ["AccessWarning"],
    when: "An argument `--email-domain` of oauth2-proxy, from a patch for instance, names domains of e-mail addresses. Under 0.24 it admitted and excluded people; now only `spec.auth.oidc` says who is authorized.",
    example: { domains: ["example.org"] },
    sentence: ({ domains }) =>
      `The e-mail domains of --email-domain (${domains.join(", ")}) neither admit nor exclude anybody: spec.auth.oidc alone says who is authorized.`,
    remedy: "Name the users or their groups in spec.auth.oidc, and remove the argument.",
  },
  AuthoritiesNotShared: {
    conditions: ["PatchWarning"],
    when: "A patch gives oauth2-proxy certificate authorities of the provider by a mount with subPathExpr, which needs the environment of that container.",
    example: { files: ["/etc/ssl/company/ca.crt"] },
    sentence: ({ files }) =>
      `The authorization service cannot use the certificate authorities ${files.join(", ")}, whose mount has subPathExpr: tokens of programs and e-mail addresses that are not in the ID token may be refused.`,
    remedy: "Use subPath in the patch, or spec.auth.oidc.trustedCA.",
  },
  HibernatedWithoutVolume: {
    conditions: ["StorageWarning"],
    when: "A server without a volume is hibernated.",
    example: {},
    sentence: () => "The server has no volume: its files were lost when it was hibernated.",
    remedy: "Set spec.storage.pvc.enabled to keep files.",
  },
  FilesLost: {
    conditions: ["StorageWarning"],
    when: "The pod of a running server was terminated without a request of its user (evicted, drained, deleted), and files that were not on a volume were lost.",
    example: {
      what: "All files of the server",
      at: "2026-03-01T12:00:00Z",
      cause: 'its pod was evicted: Usage of EmptyDir volume "workspace" exceeds the limit "100Mi"',
    },
    sentence: ({ what, at, cause }) => `${what} were lost at ${at}, because ${cause}.`,
    remedy:
      "Keep files on a volume (spec.storage.pvc). This warning ends when the server is hibernated, or when its annotation amalthea.dev/loss-seen has this time.",
  },
  RootDirOutsideVolume: {
    conditions: ["StorageWarning"],
    when: "`spec.jupyterServer.rootDir` is not in `spec.storage.pvc.mountPath`.",
    example: { rootDir: "/home/jovyan", mountPath: "/home/jovyan/work" },
    sentence: ({ rootDir, mountPath }) => `Files in ${rootDir} are lost with the pod: the volume is at ${mountPath}.`,
    remedy: "Set spec.jupyterServer.rootDir to a directory in spec.storage.pvc.mountPath.",
  },
  ViolationTolerated: {
    conditions: ["PolicyWarning"],
    when: "The server violates a policy that is newer than the server; the violation is tolerated (`status.toleratedViolations`).",
    example: { violations: ["StatefulSet alice: hostPathVolumes spec.template.spec.volumes[data].hostPath=/data"] },
    sentence: ({ violations }) => `Tolerated, because the server is older than the policy: ${violations.join("; ")}.`,
    remedy: "Remove it when possible; an administrator can stop tolerating it (chart value policy.podSecurity).",
  },
  IngressAnnotationIgnored: {
    conditions: ["PolicyWarning"],
    when: "An Ingress, a Service or a pod has annotations that are not allowed, because they could capture the requests of other servers; they are omitted.",
    example: { childKey: "ingress", names: ["nginx.ingress.kubernetes.io/server-alias"] },
    sentence: ({ childKey, names }) => `Annotations of the child "${childKey}" are omitted: ${names.join(", ")}.`,
    remedy: "Remove them, or ask an administrator to allow them in the chart value policy.ingressAnnotations.",
  },
  // Limits
  ActivityUnreadable: {
    conditions: ["ActivityUnknown"],
    when: "The idle limit may be reached, and the controller has been unable to read the activity of the server for some time. The server is kept; other limits still apply.",
    example: { detail: "Jupyter does not respond" },
    sentence: ({ detail }) => `It is not known whether the server is idle, so it is kept: ${detail}.`,
  },
  LimitNear: {
    conditions: ["HibernationPending"],
    when: "The server will be hibernated by a limit within the time that the chart value `culling.warnSeconds` says.",
    example: { limit: "Idle", at: "2026-03-01T18:00:00Z", isMaximum: false },
    sentence: (values) => nearLimit("hibernated", values, "to keep it running"),
  },
  DeletionNear: {
    conditions: ["DeletionPending"],
    when: "The server will be deleted by a limit within the time that the chart value `culling.warnSeconds` says.",
    example: { limit: "Hibernated", at: "2026-03-01T18:00:00Z", isMaximum: false },
    sentence: (values) => nearLimit("deleted", values, "to keep it"),
    remedy: "Its volume stays if spec.storage.pvc.retentionPolicy is Retain.",
  },
  NoVolumeToKeep: {
    conditions: ["CullingPrevented"],
    when: "The server has limits that hibernate it, and files of its pod are not on a volume: hibernating it would delete them.",
    example: { limits: ["Idle", "MaximumAge"], what: "All files of the server" },
    sentence: ({ limits, what }) =>
      `Limits that hibernate the server (${limits.join(", ")}) are not enforced. ${what} would be lost: they are not on a volume.`,
    remedy:
      "Set spec.storage.pvc.enabled on new servers; an administrator can allow the loss (chart value culling.hibernateWithoutVolume).",
  },
  KeepAliveUnreadable: {
    conditions: ["CullingPrevented"],
    when: "`spec.culling.keepAliveUntil` is not a valid timestamp, so it is unknown until when the server is to be kept.",
    example: {},
    sentence: () =>
      "Limits of the server are not enforced, except for the administrator's maximums: spec.culling.keepAliveUntil is not a valid timestamp.",
    remedy: "Set spec.culling.keepAliveUntil to a timestamp such as 2026-03-01T18:00:00Z, or remove it.",
  },
  HibernatedIsApplied: {
    conditions: ["CullingPrevented"],
    when: "The server has limits that hibernate it, and a tool owns `spec.jupyterServer.hibernated` by server-side apply: it would resume the server.",
    example: { limits: ["Idle"], manager: "kubectl" },
    sentence: ({ limits, manager }) =>
      `Limits that hibernate the server (${limits.join(", ")}) are not enforced: the field manager ${manager} applies spec.jupyterServer.hibernated.`,
    remedy: "Remove the field from the manifest that is applied.",
  },
  NotEnforced: {
    conditions: ["CullingPrevented"],
    when: "The server has reached a limit, and the chart value `culling.enforced` is false. For the idle limit, the server has reported that it is idle.",
    example: { limit: "Idle", done: "hibernated", at: "2026-03-01T18:00:00Z" },
    sentence: ({ limit, done, at: time }) =>
      `The server would have been ${done} at ${time}, when its limit ${limit} was reached, but limits are not enforced.`,
    remedy: "An administrator can enforce them with the chart value culling.enforced.",
  },
};

function becauseOf({ limit, at: time }: ByLimit): string {
  return limit === undefined || time === undefined ? "" : `, because its limit ${limit} was reached at ${time}`;
}

function at(path: string): string {
  return path === "" ? "" : ` at ${path}`;
}
