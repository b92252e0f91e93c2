import type { PolicySettings } from "./policy/policy-settings.ts";

/** What decisions need of the controller's configuration. `config.ts` fills it; defaults stand there. */
export type DecisionSettings = {
  /** Labels added to every child, from `AMALTHEA_SELECTOR_LABELS`; they win over the server's own labels. */
  readonly selectorLabels: Readonly<Record<string, string>>;
  /** Pod `schedulerName`, from `SERVER_SCHEDULER_NAME`; undefined leaves the cluster's default. */
  readonly schedulerName: string | undefined;
  /** Prefix of the annotations clients read and write, from `ANNOTATION_PREFIX`; default `renku.io`. */
  readonly annotationPrefix: string;
  /**
   * Leaves the predecessor's annotations on servers that are taken over, from `KEEP_PREDECESSOR_ANNOTATIONS`: without
   * them it could not be put back. They hold copies of specs, tokens included. Default false.
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
};

export type ExtraChildKind = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
};

/** Who may reach the servers, and whom they may reach. */
export type NetworkPolicySettings = {
  readonly enabled: boolean;
  /** NetworkPolicy peers allowed in; undefined allows everybody, as the predecessor did. */
  readonly ingressFrom: readonly unknown[] | undefined;
  /** NetworkPolicy egress rules; undefined leaves egress unrestricted. */
  readonly egress: readonly unknown[] | undefined;
};

/** Images of the containers we add to an OIDC pod. */
export type SidecarImages = {
  readonly traefik: string;
  readonly oauth2Proxy: string;
  readonly authorization: string;
};

/** What an administrator changes about the containers we add to an OIDC pod. */
export type SidecarOverrides = {
  readonly traefik?: ProxyOverride;
  readonly oauth2Proxy?: ProxyOverride;
  readonly authorization?: ResourceOverride;
};

type ResourceOverride = {
  /** Requests and limits in place of the measured ones, as in a container. */
  readonly resources?: Readonly<Record<string, unknown>>;
};

type ProxyOverride = ResourceOverride & {
  /** Arguments after ours. */
  readonly extraArgs?: readonly string[];
};
