import type { JupyterServerMetadata } from "@amalthea/api";
import type { EffectiveServer } from "../effective-server.ts";
import type { OwnerReference } from "../decision.ts";
import type { NamespacePolicy } from "../policy/policy-settings.ts";
import type { ObservedActivity } from "./activity.ts";
import type { ObservedUsage } from "./usage.ts";
import type { Pod, PodStatus } from "kubernetes-types/core/v1.js";

/** A child as the caches hold it: raw JSON of the API server without `managedFields`, frozen. Never a Secret. */
export type LiveChild = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: LiveMetadata;
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>>;
  readonly data?: Readonly<Record<string, string>>;
};

export type LiveMetadata = Omit<JupyterServerMetadata, "generation" | "finalizers"> & {
  readonly generation?: number;
  readonly ownerReferences?: readonly OwnerReference[];
};

/**
 * What we know of the server's Secret. Secrets are read by name and never watched, so not knowing is the usual case:
 * the controller reads them only when a decision depends on it.
 */
export type ObservedSecret =
  | { readonly kind: "Unknown" }
  | {
      readonly kind: "Present";
      readonly uid: string;
      /** Names of the keys that hold a value (an empty token counts as a value). */
      readonly keys: readonly string[];
      /** Hash of the values that follow the spec, as `SecretManifest.contentHash` computes it; undefined on 0.24's. */
      readonly contentHash: string | undefined;
    };

/** An Event about a child with information that is in no object: quota, scheduling, scale-up, volumes. */
export type ObservedEvent = {
  readonly reason: string;
  readonly message: string;
  /** Kind of the object it is about: StatefulSet, Pod or PersistentVolumeClaim. */
  readonly regardingKind: string;
  readonly regardingName: string;
  readonly lastSeen: Date;
};

/** A failed write of an earlier reconcile, kept until a later one succeeds, so that status can say why. */
export type ObservedFailure = {
  readonly childKey: string;
  readonly kind: string;
  /** HTTP code of the API server: 403 quota or permission, 404 kind gone, 409 name taken, 422 invalid, 500 webhook down. */
  readonly code: number;
  readonly message: string;
  /** Hash of the desired child (or of `Resize.resources`) that failed: the same body is not sent again until it changes. */
  readonly desiredHash: string;
  /** The time for which the same body is held back is over: a quota or a permission may have changed meanwhile. */
  readonly mayRetry?: boolean;
  /** The name is held by a child of an earlier server of the same name, which the garbage collector has not removed yet. */
  readonly isHeldByEarlier?: boolean;
  /** It was refused in the dry run that precedes a replacement. */
  readonly isDryRun?: boolean;
};

/** What is kept of a pod that is gone. */
export type FormerPod = {
  readonly metadata: Pick<LiveMetadata, "uid" | "annotations">;
  readonly status?: Pick<PodStatus, "phase" | "reason" | "message" | "conditions" | "startTime">;
};

/** Where requests come from that a child leads to the server. */
export type HostAndPath = {
  /** Undefined: every host. */
  readonly host: string | undefined;
  /** As it was written; compare with `normalizePath`. */
  readonly path: string;
  /** An ingress controller may take the path for a regular expression, and so match any other. */
  readonly isPattern: boolean;
};

/** What Ingresses name and others make: an Ingress is of use only where it exists. */
export type RouteNeeds = { readonly ingressClasses: readonly string[]; readonly tlsSecrets: readonly string[] };

/** Everything that a decision is based on. Filled by `observe/` from caches, without any API call. */
export type Observed = {
  /** As it is stored; `decide` takes the effective one. */
  readonly server: EffectiveServer;
  /**
   * Live objects whose controller is this server (by uid), Secrets excepted; also a claim that carries the label of this
   * server's uid and no controller at all, for a retained claim has no owner.
   */
  readonly children: readonly LiveChild[];
  /** The pod of the server's StatefulSet; of several (one is terminating) the newest. */
  readonly pod: (Pod & { readonly metadata: LiveMetadata }) | undefined;
  /** The pod before that one, as it was when it went; undefined if that was not seen. */
  readonly formerPod: FormerPod | undefined;
  readonly secret: ObservedSecret;
  /** This process created the server's claim, so nothing in it is older than the server. */
  readonly isClaimNew: boolean;
  /**
   * The token in the Secret that the spec names, or with a login the client secret, is not the one that the running
   * container was started with.
   */
  readonly isCredentialChanged: boolean;
  readonly events: readonly ObservedEvent[];
  readonly failures: readonly ObservedFailure[];
  /**
   * By uid of a live child, the `desiredHash` that an apply found its present version to be equivalent to: an admission
   * webhook may make it look different, but applying again changes nothing.
   */
  readonly equivalent: ReadonlyMap<string, string>;
  /** When room in a ResourceQuota of the namespace was last seen to become free; undefined if it was not. */
  readonly quotaFreedAt: Date | undefined;
  /** Another server that already serves this host and path, or an older one that requests it, as `namespace/name`. */
  readonly routeHolder: string | undefined;
  /** The other server whose requests a rule of an Ingress, other than the server's own, would take, as `namespace/name`. */
  readonly ruleTakenBy: (rule: HostAndPath) => string | undefined;
  /** Of what the server's Ingresses need, that of which it is known that it does not exist. */
  readonly missing: RouteNeeds;
  /** Policy labels and annotations of the server's Namespace; empty where the controller may not read it. */
  readonly namespacePolicy: NamespacePolicy;
  /** What the server's pod told of its activity. */
  readonly activity: ObservedActivity;
  /** What the pod uses, as it was last measured. */
  readonly usage: ObservedUsage;
  /** Field manager that sets `spec.jupyterServer.hibernated` by server-side apply; undefined without one. */
  readonly hibernatedAppliedBy: string | undefined;
  /** Our clock is ahead of the API server's, as far as is known: what ends at a time may not have ended yet. */
  readonly isClockAhead: boolean;
  /** Servers of the namespace that are older than this one; counted only where their number is limited. */
  readonly olderServers: number;
};
