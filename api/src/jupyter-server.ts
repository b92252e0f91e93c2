import type { JupyterServerStatus } from "./jupyter-server-status.ts";

/**
 * A `JupyterServer` as the API server returns it: fields with a default in the CRD are always set. An object
 * stored by the legacy version (0.24) may violate the CRD's validation rules (a missing host, a patch without type),
 * hence the optional fields.
 */
export type JupyterServer = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: JupyterServerMetadata;
  readonly spec: JupyterServerSpec;
  readonly status?: JupyterServerStatus;
};

export type JupyterServerMetadata = {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation: number;
  readonly creationTimestamp: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
};

export type JupyterServerSpec = {
  readonly auth: Auth;
  readonly culling: Culling;
  readonly jupyterServer: JupyterServerSettings;
  readonly routing: Routing;
  readonly storage: Storage;
  readonly patches: readonly Patch[];
  readonly updatePolicy: "OnNextStart" | "Restart";
};

export type Auth = {
  /** Undefined: generated. Empty: Jupyter requires none. */
  readonly token?: string;
  readonly tokenSecretRef?: SecretKeyRef;
  readonly oidc: Oidc;
};

export type SecretKeyRef = {
  readonly name: string;
  readonly key: string;
};

export type Oidc = {
  readonly enabled: boolean;
  readonly issuerUrl?: string;
  readonly clientId?: string;
  readonly clientSecret?: ClientSecret;
  readonly authorizedEmails: readonly string[];
  readonly authorizedGroups: readonly string[];
  readonly userId?: string;
  readonly authorizedUserIds?: readonly string[];
  readonly allowAnyUser: boolean;
  readonly scopes?: readonly string[];
  readonly groupsClaim: string;
  readonly emailClaim: string;
  readonly allowUnverifiedEmail: boolean;
  readonly trustedCA?: TrustedCA;
  readonly discovery?: Discovery;
  readonly extraAudiences?: readonly string[];
  readonly endProviderSession?: boolean;
  readonly session?: OidcSession;
  readonly sessionsNotBefore?: string;
  readonly bearer?: Bearer;
};

export type OidcSession = {
  readonly lengthSeconds?: number;
  readonly renewalSeconds?: number;
  readonly graceSeconds?: number;
};

/** `audiences` is never empty if it is enabled. */
export type Bearer = {
  readonly enabled: boolean;
  readonly audiences?: readonly string[];
};

/** Exactly one of the two is set; name and key may be missing in an object stored by 0.24. */
export type ClientSecret = {
  readonly value?: string;
  readonly secretKeyRef?: Partial<SecretKeyRef>;
};

export type TrustedCA = {
  readonly configMapName: string;
  readonly key: string;
};

export type Discovery = {
  readonly loginUrl: string;
  readonly redeemUrl: string;
  readonly jwksUrl: string;
};

/** Limits in seconds; 0: no limit of the server's own, so that the administrator's default counts. */
export type Culling = {
  readonly idleSecondsThreshold: number;
  readonly maxAgeSecondsThreshold: number;
  readonly startingSecondsThreshold: number;
  readonly failedSecondsThreshold: number;
  readonly hibernatedSecondsThreshold: number;
  /** ISO 8601: no limit is enforced before, within the administrator's maximum. */
  readonly keepAliveUntil?: string;
};

export type JupyterServerSettings = PodSettings & {
  readonly image: string;
  readonly defaultUrl: string;
  readonly rootDir: string;
  readonly resources: PodFragment;
  readonly hibernated: boolean;
  readonly shmSize?: number | string;
  readonly env?: readonly EnvVar[];
  readonly imagePullSecrets?: readonly LocalReference[];
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly tolerations?: readonly PodFragment[];
  readonly affinity?: PodFragment;
  readonly priorityClassName?: string;
  readonly serviceAccountName?: string;
  readonly extraVolumes?: readonly NamedFragment[];
  readonly extraVolumeMounts?: readonly VolumeMount[];
};

/** Fields that have the names and the meaning of those of a pod or a container. */
export type PodSettings = {
  readonly podLabels?: Readonly<Record<string, string>>;
  readonly podAnnotations?: Readonly<Record<string, string>>;
  readonly imagePullPolicy?: "Always" | "IfNotPresent" | "Never";
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly envFrom?: readonly EnvFromSource[];
  readonly lifecycle?: Lifecycle;
  readonly terminationGracePeriodSeconds?: number;
  readonly startupProbe?: ProbeThresholds;
  readonly readinessProbe?: ProbeThresholds;
  readonly livenessProbe?: ProbeThresholds;
  readonly automountServiceAccountToken?: boolean;
  readonly securityContext?: UserIds;
  readonly runtimeClassName?: string;
  readonly topologySpreadConstraints?: readonly TopologySpreadConstraint[];
  readonly extraPorts?: readonly ExtraPort[];
  readonly sidecarResources?: SidecarResources;
};

/** One of the two references is set. */
export type EnvFromSource = {
  readonly prefix?: string;
  readonly configMapRef?: OptionalReference;
  readonly secretRef?: OptionalReference;
};

export type OptionalReference = LocalReference & { readonly optional?: boolean };

export type Lifecycle = {
  readonly postStart?: PodFragment;
  readonly preStop?: PodFragment;
};

export type ProbeThresholds = {
  readonly initialDelaySeconds?: number;
  readonly periodSeconds?: number;
  readonly timeoutSeconds?: number;
  readonly failureThreshold?: number;
};

/** The first two are of the container, the others of the pod. */
export type UserIds = {
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  readonly fsGroup?: number;
  readonly fsGroupChangePolicy?: "OnRootMismatch" | "Always";
  readonly supplementalGroups?: readonly number[];
};

/** Fields beyond the required ones are passed on as they are. */
export type TopologySpreadConstraint = {
  readonly maxSkew: number;
  readonly topologyKey: string;
  readonly whenUnsatisfiable: "DoNotSchedule" | "ScheduleAnyway";
};

export type ExtraPort = {
  readonly name: string;
  readonly containerPort: number;
  readonly protocol?: "TCP" | "UDP" | "SCTP";
};

export type SidecarResources = {
  readonly traefik?: PodFragment;
  readonly oauth2Proxy?: PodFragment;
  readonly authorization?: PodFragment;
};

/** A piece of a pod that is passed on as it is; the API server checks it when the StatefulSet is written. */
export type PodFragment = Readonly<Record<string, unknown>>;

export type NamedFragment = PodFragment & { readonly name: string };

export type VolumeMount = NamedFragment & { readonly mountPath: string };

export type EnvVar = {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: PodFragment;
};

export type LocalReference = { readonly name: string };

export type Routing = {
  readonly host?: string;
  readonly path: string;
  readonly ingressAnnotations: Readonly<Record<string, unknown>>;
  readonly ingressClassName?: string;
  readonly externalUrl?: string;
  readonly tls: RoutingTls;
};

export type RoutingTls = {
  readonly enabled: boolean;
  readonly secretName?: string;
};

export type Storage = {
  readonly size: number | string;
  readonly pvc: VolumeClaim;
};

export type VolumeClaim = {
  readonly enabled: boolean;
  readonly mountPath: string;
  readonly storageClassName?: string;
  readonly retentionPolicy: "Delete" | "Retain";
  readonly existingClaim?: string;
  readonly accessModes?: readonly ("ReadWriteOnce" | "ReadOnlyMany" | "ReadWriteMany" | "ReadWriteOncePod")[];
  readonly volumeName?: string;
  readonly selector?: PodFragment;
  readonly subPath?: string;
};

export type Patch = {
  readonly type?: "application/json-patch+json" | "application/merge-patch+json";
  readonly patch?: unknown;
};
