/** API group, version and kind of the resource. */
export const GROUP = "amalthea.dev";
export const VERSION = "v1alpha1";
export const API_VERSION = "amalthea.dev/v1alpha1";
export const KIND = "JupyterServer";
export const PLURAL = "jupyterservers";
export const SINGULAR = "jupyterserver";
export const SHORT_NAME = "js";

/** Kinds of our own children, by their key in the patch document. */
export const KIND_BY_CHILD_KEY = {
  secret: "Secret",
  configmap: "ConfigMap",
  pvc: "PersistentVolumeClaim",
  service: "Service",
  networkpolicy: "NetworkPolicy",
  ingress: "Ingress",
  statefulset: "StatefulSet",
} as const;

/** Key of one of our own children in the patch document; patches may add further keys. */
export type ChildKey = keyof typeof KIND_BY_CHILD_KEY;

/** Labels on every child and, without `childKey` and with `mainPod`, on the pod. */
export const LABELS = {
  component: "app.kubernetes.io/component",
  parentUid: "amalthea.dev/parent-uid",
  parentName: "amalthea.dev/parent-name",
  childKey: "amalthea.dev/child-key",
  mainPod: "amalthea.dev/main-pod",
  /** Selector of the StatefulSet and of the Service; its value is the server's name. */
  app: "app",
} as const;

/** Value of the label `LABELS.component`: the kind in lower case. */
export const COMPONENT = "jupyterserver";

/** Our annotations. */
export const ANNOTATIONS = {
  /** On a child: hash of the manifest it was applied from. */
  desiredHash: "amalthea.dev/desired-hash",
  /** On a child: hash of those values of patches that yield to later writes by others, as they were last applied. */
  patchedHash: "amalthea.dev/patched-hash",
  /** On an Ingress: the requested class; absent where it is the cluster's default. */
  ingressClass: "amalthea.dev/ingress-class",
  /** On the Secret: hash of the values that are derived from the spec. */
  contentHash: "amalthea.dev/content-hash",
  /** On the pod template: hashes of the spec fields a pod was started with, and its routing. */
  startedWith: "amalthea.dev/started-with",
  /** On the StatefulSet: when it was last touched, so that its controller retries the creation of the pod at once. */
  podRetriedAt: "amalthea.dev/pod-retried-at",
  /** On the pod: the resources of the last in-place resize that was requested for its container. */
  resizedTo: "amalthea.dev/resized-to",
  /** On the pod: hash of the access policy; changed so that the kubelet syncs the ConfigMap volume at once. */
  accessPolicyHash: "amalthea.dev/access-policy-hash",
  /** On the JupyterServer: any new value restarts the pod, which carries the value it was started with. */
  restartedAt: "amalthea.dev/restartedAt",
  /**
   * On the JupyterServer: the limit that hibernated it, when that was reached, and the start of the run that it ended.
   */
  hibernatedBy: "amalthea.dev/hibernated-by",
  /** On the JupyterServer: time of the loss of files that somebody has acknowledged, as `status.filesLost.at` has it. */
  lossSeen: "amalthea.dev/loss-seen",
  /** On a Namespace, where the administrator enables it: hosts and paths that its servers may have. */
  allowedRoutes: "amalthea.dev/allowed-routes",
  /** On the StatefulSet's template, written by `kubectl rollout restart`. */
  kubectlRestartedAt: "kubectl.kubernetes.io/restartedAt",
} as const;

/** What the legacy version (0.24) leaves on the objects it reconciled. */
export const LEGACY = {
  finalizer: "kopf.zalando.org/KopfFinalizerMarker",
  annotationPrefix: "kopf.zalando.org/",
} as const;

/** Default prefix of the annotations that clients read and write; `ANNOTATION_PREFIX` changes it. */
export const DEFAULT_ANNOTATION_PREFIX = "renku.io";

/** Names, after the prefix and a slash, of the annotations that clients read and write. */
export const CLIENT_ANNOTATIONS = {
  lastActivityDate: "lastActivityDate",
  hibernation: "hibernation",
  hibernationBranch: "hibernationBranch",
  hibernationCommitSha: "hibernationCommitSha",
  hibernationDate: "hibernationDate",
  hibernationDirty: "hibernationDirty",
  hibernationSynchronized: "hibernationSynchronized",
} as const;

/** Ports in the pod; `service` is the Service's. */
export const PORTS = {
  service: 80,
  jupyter: 8888,
  authProxy: 4180,
  oauth2Proxy: 4181,
  authorization: 4182,
  probe: 4183,
  activity: 4184,
} as const;

/** Ports that a server's own containers and its Service use. */
export const RESERVED_PORTS: readonly number[] = Object.values(PORTS);

/** Name of the container port that the Service targets, in both access modes. */
export const HTTP_PORT_NAME = "http";

/** Name of the port at which the authorization service reports the server's activity to the controller. */
export const ACTIVITY_PORT_NAME = "activity";

/** Labels, besides those below `amalthea.dev`, by which a pod is found: as a server's, and as a StatefulSet's. */
export const RESERVED_POD_LABELS: readonly string[] = [
  LABELS.app,
  LABELS.component,
  "apps.kubernetes.io/pod-index",
  "controller-revision-hash",
  "statefulset.kubernetes.io/pod-name",
];

/** Annotations of a pod, besides those below `amalthea.dev`, that have a meaning for the controller. */
export const RESERVED_POD_ANNOTATIONS: readonly string[] = [ANNOTATIONS.kubectlRestartedAt];

/** What labels and annotations of ours begin with. */
export const OUR_PREFIX = "amalthea.dev/";

/** Names of the containers in the pod. */
export const CONTAINERS = {
  jupyter: "jupyter-server",
  oauth2Proxy: "oauth2-proxy",
  authorization: "authorization",
  authProxy: "auth-proxy",
} as const;

/** Names of the volumes in the pod that clients' patches may rely on. */
export const VOLUMES = {
  workspace: "workspace",
  secrets: "jupyter-server-secrets",
  config: "jupyter-config",
} as const;

/** Keys of the server's Secret. */
export const SECRET_KEYS = {
  token: "jupyterServerAppToken",
  cookieSecret: "jupyterServerCookieSecret",
  oidcClientSecret: "oidcClientSecret",
  oauth2ProxyCookieSecret: "oauth2ProxyCookieSecret",
  /** With a login: grants access to the server's activity. */
  activityKey: "activityKey",
} as const;

/** Field managers under which the controller writes. */
export const FIELD_MANAGERS = {
  children: "amalthea",
  status: "amalthea-status",
  /** Of `spec.jupyterServer.hibernated`, when a limit is reached. */
  culling: "amalthea-culling",
} as const;

/** Images that are used unless the server or the chart sets one. */
export const DEFAULT_IMAGES = {
  jupyter: "jupyter/minimal-notebook:latest",
  traefik: "traefik:v3.7.15",
  oauth2Proxy: "quay.io/oauth2-proxy/oauth2-proxy:v7.15.6",
  authorization: "amalthea/authorization:1.0.0-alpha.0",
} as const;

/**
 * Maximum length of a new server's name. The StatefulSet controller puts `<name>-<10 characters of hash>` into a label
 * of the pod, and a label holds 63 characters.
 */
export const MAX_NAME_LENGTH = 52;

/**
 * What `routing.path` may consist of: what browsers, proxies, cookies and Jupyter all encode the same way. Jupyter uses
 * the path in regular expressions and compares it with the encoded path of a request, ingress controllers
 * mostly with the decoded one, a `;` ends the path of a cookie, and oauth2-proxy reads braces as variables.
 */
export const ROUTING_PATH_PATTERN = "^[A-Za-z0-9/._~@:,=&!'-]*$";

/** Maximum length of `routing.path`. Browsers ignore the path of a cookie from 1,025 characters on. */
export const MAX_PATH_LENGTH = 1000;

/** Name of the server's children: all have the server's own, as clients expect. */
export function childName(server: NamedServer): string {
  return server.metadata.name;
}

/** Name of the server's one pod. */
export function podName(server: NamedServer): string {
  return `${server.metadata.name}-0`;
}

/** What the names of children are derived from. */
export type NamedServer = { readonly metadata: { readonly name: string } };

/**
 * Exit code of Jupyter when its token is empty. Its messages are never quoted in a status, because they may contain
 * secrets, so the code identifies the cause.
 */
export const EMPTY_TOKEN_EXIT_CODE = 65; // EX_DATAERR of sysexits.h
