import {
  API_VERSION,
  DEFAULT_ANNOTATION_PREFIX,
  DEFAULT_IMAGES,
  KIND,
  LABELS,
  routeOf,
  type JupyterServer,
  type JupyterServerSpec,
  type VolumeClaim,
} from "@amalthea/api";
import type { ContainerStatus, PodCondition, PodSpec, PodStatus } from "kubernetes-types/core/v1.js";
import type { LiveChild, LiveMetadata, Observed, ObservedEvent } from "../live/observed.ts";
import type { PlanFacts } from "../facts.ts";
import { DEFAULT_CULLING } from "../culling/culling-settings.ts";
import { NO_CULLING } from "../culling/limits.ts";
import type { PolicySettings } from "../policy/policy-settings.ts";
import type { DecisionSettings } from "../settings.ts";

// Builders for tests: a server that runs, and whatever a test changes about it.

/** The moment at which tests decide. */
export const NOW: Date = new Date("2026-03-01T12:00:00Z");

/** An instant before `NOW`. */
export function ago(seconds: number): Date {
  return new Date(NOW.getTime() - seconds * 1000);
}

/** An instant before `NOW`, as Kubernetes writes it. */
export function timeAgo(seconds: number): string {
  return ago(seconds).toISOString().replace(".000Z", "Z");
}

/** What a test may say about a server; sections of the spec are completed with the CRD's defaults. */
export type ServerOptions = {
  readonly metadata?: Partial<JupyterServer["metadata"]>;
  readonly status?: JupyterServer["status"];
  readonly auth?: Partial<JupyterServerSpec["auth"]>;
  readonly oidc?: Partial<JupyterServerSpec["auth"]["oidc"]>;
  readonly culling?: Partial<JupyterServerSpec["culling"]>;
  readonly jupyterServer?: Partial<JupyterServerSpec["jupyterServer"]>;
  readonly routing?: Partial<JupyterServerSpec["routing"]>;
  readonly size?: number | string;
  readonly pvc?: Partial<VolumeClaim>;
  readonly patches?: JupyterServerSpec["patches"];
  readonly updatePolicy?: JupyterServerSpec["updatePolicy"];
};

/** A server `alice` in `sessions`, as the API server returns it, made ten minutes before `NOW`. */
export function aServer(options: ServerOptions = {}): JupyterServer {
  const server = {
    apiVersion: API_VERSION,
    kind: KIND,
    metadata: {
      name: "alice",
      namespace: "sessions",
      uid: "11111111-1111-4111-8111-111111111111",
      resourceVersion: "1",
      generation: 1,
      creationTimestamp: timeAgo(600),
      ...options.metadata,
    },
    spec: aSpec(options),
  };
  return options.status === undefined ? server : { ...server, status: options.status };
}

function aSpec(options: ServerOptions): JupyterServerSpec {
  const oidc = {
    enabled: false,
    authorizedEmails: [],
    authorizedGroups: [],
    allowAnyUser: false,
    groupsClaim: "groups",
    emailClaim: "email",
    allowUnverifiedEmail: false,
    ...options.oidc,
  };
  return {
    auth: { ...options.auth, oidc },
    culling: { ...NO_CULLING, ...options.culling },
    jupyterServer: {
      image: DEFAULT_IMAGES.jupyter,
      defaultUrl: "/lab",
      rootDir: "/home/jovyan/work",
      resources: {},
      hibernated: false,
      ...options.jupyterServer,
    },
    routing: {
      host: "hub.example.org",
      path: "/sessions/alice",
      ingressAnnotations: {},
      ...options.routing,
      tls: { enabled: false, ...options.routing?.tls },
    },
    storage: {
      size: options.size ?? "100Mi",
      pvc: { enabled: false, mountPath: "/home/jovyan/work", retentionPolicy: "Delete", ...options.pvc },
    },
    patches: options.patches ?? [],
    updatePolicy: options.updatePolicy ?? "OnNextStart",
  };
}

/** What a test may say about a pod. */
export type PodOptions = {
  readonly metadata?: Partial<LiveMetadata> & { readonly finalizers?: string[] };
  readonly spec?: Partial<PodSpec>;
  readonly phase?: string;
  readonly reason?: string;
  readonly message?: string;
  /** Replaces the conditions of the same type. */
  readonly conditions?: readonly PodCondition[];
  readonly containers?: readonly ContainerStatus[];
  readonly initContainers?: readonly ContainerStatus[];
};

/** The pod `alice-0`, scheduled to `node-1` and starting, made a minute before `NOW`. */
export function aPod(options: PodOptions = {}): NonNullable<Observed["pod"]> {
  const defaults = [
    aCondition("PodScheduled", "True"),
    aCondition("ContainersReady", "False"),
    aCondition("Ready", "False"),
  ];
  const given = options.conditions ?? [];
  const status: PodStatus = {
    phase: options.phase ?? "Pending",
    conditions: [...defaults.filter(({ type }) => given.every((other) => other.type !== type)), ...given],
    containerStatuses: [...(options.containers ?? [])],
  };
  if (options.initContainers !== undefined) status.initContainerStatuses = [...options.initContainers];
  if (options.reason !== undefined) status.reason = options.reason;
  if (options.message !== undefined) status.message = options.message;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "alice-0",
      namespace: "sessions",
      uid: "22222222-2222-4222-8222-222222222222",
      resourceVersion: "2",
      creationTimestamp: timeAgo(60),
      ...options.metadata,
    } as NonNullable<Observed["pod"]>["metadata"], // differs in readonly alone
    spec: { containers: [{ name: "jupyter-server" }], nodeName: "node-1", ...options.spec },
    status,
  };
}

/** A pod that is ready. */
export function aReadyPod(options: PodOptions = {}): NonNullable<Observed["pod"]> {
  return aPod({
    phase: "Running",
    containers: [aContainer({ ready: true, state: { running: { startedAt: timeAgo(50) } } })],
    ...options,
    conditions: [aCondition("ContainersReady", "True"), aCondition("Ready", "True"), ...(options.conditions ?? [])],
  });
}

/** A condition of a pod, unchanged for fifty seconds. */
export function aCondition(type: string, status: string, more: Partial<PodCondition> = {}): PodCondition {
  return { type, status, lastTransitionTime: timeAgo(50), ...more };
}

/** The status of the container `jupyter-server`, which is being created. */
export function aContainer(more: Partial<ContainerStatus> = {}): ContainerStatus {
  return {
    name: "jupyter-server",
    image: DEFAULT_IMAGES.jupyter,
    imageID: "",
    ready: false,
    restartCount: 0,
    state: { waiting: { reason: "ContainerCreating" } },
    ...more,
  };
}

/** A live child of the server `alice`. */
export function aChild(childKey: string, kind: string, more: Partial<LiveChild> = {}): LiveChild {
  const apiVersions: Readonly<Record<string, string>> = { Ingress: "networking.k8s.io/v1", StatefulSet: "apps/v1" };
  return {
    apiVersion: apiVersions[kind] ?? "v1",
    kind,
    ...more,
    metadata: {
      name: "alice",
      namespace: "sessions",
      uid: `uid-of-${childKey}`,
      resourceVersion: "3",
      creationTimestamp: timeAgo(590),
      labels: { [LABELS.childKey]: childKey },
      ...more.metadata,
    },
  };
}

/** An event that was last seen ten seconds before `NOW`. */
export function anEvent(
  regardingKind: string,
  reason: string,
  message: string,
  lastSeen: Date = ago(10),
): ObservedEvent {
  const regardingName = regardingKind === "Pod" ? "alice-0" : "alice";
  return { regardingKind, regardingName, reason, message, lastSeen };
}

/** What is observed of a server that has nothing yet, and what a test adds. */
export function anObserved(more: Partial<Observed> = {}): Observed {
  return {
    server: aServer(),
    children: [],
    pod: undefined,
    formerPod: undefined,
    secret: { kind: "Unknown" },
    events: [],
    failures: [],
    equivalent: new Map(),
    isCredentialChanged: false,
    quotaFreedAt: undefined,
    routeHolder: undefined,
    ruleTakenBy: () => undefined,
    missing: { ingressClasses: [], tlsSecrets: [] },
    namespacePolicy: {},
    olderServers: 0,
    activity: { kind: "Unasked" },
    usage: { containers: { kind: "Pending" }, disk: { kind: "Pending" } },
    hibernatedAppliedBy: undefined,
    isClockAhead: false,
    isClaimNew: true,
    ...more,
  };
}

/** What planning says when all is well. */
export function someFacts(more: Partial<PlanFacts> = {}): PlanFacts {
  return {
    problems: [],
    warnings: [],
    pendingFields: [],
    route: routeOf(aServer()),
    desiredRouteSettled: true,
    resize: { kind: "None" },
    legacyLayout: false,
    replicas: 1,
    restarting: false,
    ...more,
  };
}

/** The default policy. */
export function somePolicy(more: Partial<PolicySettings> = {}): PolicySettings {
  return {
    podSecurity: undefined,
    patches: { kinds: ["*"], paths: ["*"] },
    fields: undefined,
    serviceAccounts: ["*"],
    priorityClasses: ["*"],
    secrets: ["*"],
    images: ["*"],
    maxResources: {},
    services: { types: undefined, externalIPs: false },
    serversPerNamespace: 0,
    routes: { allowed: [], namespaceAnnotation: false },
    ingressAnnotations: { allowed: [], denied: [] },
    ...more,
  };
}

/** The defaults of the configuration. */
export function someSettings(more: Partial<DecisionSettings> = {}): DecisionSettings {
  return {
    selectorLabels: {},
    schedulerName: undefined,
    externalTls: false,
    annotationPrefix: DEFAULT_ANNOTATION_PREFIX,
    keepPredecessorAnnotations: false,
    extraChildKinds: [],
    unschedulableGraceSeconds: 600,
    initContainerRestartLimit: 1,
    containerRestartLimit: 3,
    networkPolicy: { enabled: true, ingressFrom: undefined, controller: undefined, egress: undefined },
    images: {
      traefik: DEFAULT_IMAGES.traefik,
      oauth2Proxy: DEFAULT_IMAGES.oauth2Proxy,
      authorization: DEFAULT_IMAGES.authorization,
    },
    sidecars: {},
    policy: somePolicy(),
    culling: DEFAULT_CULLING,
    serverDefaults: {},
    ...more,
  };
}
