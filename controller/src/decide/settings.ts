import type { CullingSettings } from "./culling/culling-settings.ts";
import type { ServerDefaults } from "./effective-spec.ts";
import type { PolicySettings } from "./policy/policy-settings.ts";

/** What decisions need of the controller's configuration. `config.ts` reads it and has the defaults. */
export type DecisionSettings = {
  /** Labels added to every child, from `AMALTHEA_SELECTOR_LABELS`; they override the server's own labels. */
  readonly selectorLabels: Readonly<Record<string, string>>;
  /** Pod `schedulerName`, from `SERVER_SCHEDULER_NAME`; undefined leaves the cluster's default. */
  readonly schedulerName: string | undefined;
  /** TLS is terminated in front of the cluster, from `EXTERNAL_TLS`: people reach every host by https. Default false. */
  readonly externalTls: boolean;
  /** Prefix of the annotations clients read and write, from `ANNOTATION_PREFIX`; default `renku.io`. */
  readonly annotationPrefix: string;
  /**
   * Keeps 0.24's annotations on servers that are taken over, from `KEEP_PREDECESSOR_ANNOTATIONS`: without them there is
   * no rolling back to it. They contain copies of specs, including tokens. Default false.
   */
  readonly keepPredecessorAnnotations: boolean;
  /** Kinds that patches may add as children besides our own: plural and group, as `EXTRA_CHILD_RESOURCES` lists them. */
  readonly extraChildKinds: readonly ExtraChildKind[];
  /** Seconds a pod may be unschedulable before the server counts as failed; default 600. */
  readonly unschedulableGraceSeconds: number;
  /** Restarts of an init container or of a regular one before a crashing server counts as failed; defaults 1 and 3. */
  readonly initContainerRestartLimit: number;
  readonly containerRestartLimit: number;
  readonly networkPolicy: NetworkPolicySettings;
  readonly images: SidecarImages;
  /** From `SIDECARS`; default none. */
  readonly sidecars: SidecarOverrides;
  readonly policy: PolicySettings;
  readonly culling: CullingSettings;
  /** Defaults for the specs of all servers, from `SERVER_DEFAULTS`; default none. */
  readonly serverDefaults: ServerDefaults;
};

export type ExtraChildKind = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
};

/** Who may reach the servers, and whom they may reach. */
export type NetworkPolicySettings = {
  readonly enabled: boolean;
  /** NetworkPolicy peers allowed in; undefined allows all, as 0.24 did. */
  readonly ingressFrom: readonly unknown[] | undefined;
  /** NetworkPolicy peers that are the controller, which polls the activity of servers; undefined: not known. */
  readonly controller: readonly unknown[] | undefined;
  /** NetworkPolicy egress rules; undefined leaves egress unrestricted. */
  readonly egress: readonly unknown[] | undefined;
};

/** Images of the sidecar containers of an OIDC pod. */
export type SidecarImages = {
  readonly traefik: string;
  readonly oauth2Proxy: string;
  readonly authorization: string;
};

/** An administrator's settings of the sidecar containers of an OIDC pod. */
export type SidecarOverrides = {
  readonly traefik?: ProxyOverride;
  readonly oauth2Proxy?: ProxyOverride;
  readonly authorization?: ResourceOverride;
  /** User and group of these containers; undefined: 65532. Unset fields are left to the image or the platform. */
  readonly securityContext?: { readonly runAsUser?: number; readonly runAsGroup?: number };
  /** The proxy for outgoing requests of oauth2-proxy and the authorization service. */
  readonly proxy?: OutgoingProxy;
};

/** In the form of the usual environment variables of these names. */
export type OutgoingProxy = {
  readonly httpProxy?: string;
  readonly httpsProxy?: string;
  /** Comma-separated hosts, domains and networks that are reached directly; loopback always is. */
  readonly noProxy?: string;
};

type ResourceOverride = {
  /** Requests and limits in place of the default ones, as in a container. */
  readonly resources?: Readonly<Record<string, unknown>>;
};

type ProxyOverride = ResourceOverride & {
  /** Additional arguments, appended to the default ones. */
  readonly extraArgs?: readonly string[];
};
