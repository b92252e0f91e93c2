import type { PodSecurityLevel } from "./pod-security.ts";

/**
 * What an administrator allows servers, from the chart's value `policy` (`POLICY`). The defaults are in
 * `policy-config.ts`.
 */
export type PolicySettings = {
  /** Level that pods must meet; undefined: `baseline`, where servers keep the violations that they ran with before. */
  readonly podSecurity: PodSecurityLevel | undefined;
  readonly patches: {
    /** Kinds that patches may change or add; `*`: any. */
    readonly kinds: readonly string[];
    /**
     * JSON pointers into the patch document at or below which patches may change; `*` as a segment: any; `*` alone:
     * all.
     */
    readonly paths: readonly string[];
  };
  /** Limited fields of the spec that servers may use; undefined: all where patches are not limited, otherwise none. */
  readonly fields: readonly string[] | undefined;
  /**
   * Names of service accounts besides `default`, and of those whose tokens Secrets may request; see `matchesAny` in
   * `values/pattern.ts`.
   */
  readonly serviceAccounts: readonly string[];
  /** Priority classes; `*` leaves out those of the cluster itself (`system-…`), which have to be named. */
  readonly priorityClasses: readonly string[];
  /** Names of Secrets, besides the server's own, that pods may refer to. */
  readonly secrets: readonly string[];
  /** Images, as they are written in the spec. */
  readonly images: readonly string[];
  /** Maximum resources of one pod, by name; `storage`: the size of one volume. */
  readonly maxResources: Readonly<Record<string, string>>;
  readonly services: {
    /** Undefined: `ClusterIP`, where servers keep the Services that they had before. */
    readonly types: readonly string[] | undefined;
    readonly externalIPs: boolean;
  };
  /** Maximum number of servers of a namespace; 0: no limit. */
  readonly serversPerNamespace: number;
  readonly routes: {
    /**
     * Hosts, each with or without a path below which servers may be; empty: any. `{namespace}` and `{name}` are filled
     * in.
     */
    readonly allowed: readonly string[];
    /** Whether the annotation `amalthea.dev/allowed-routes` of a Namespace adds to them. */
    readonly namespaceAnnotation: boolean;
  };
  readonly ingressAnnotations: {
    /** Names of annotations; empty: all but those that are denied. */
    readonly allowed: readonly string[];
    readonly denied: readonly string[];
  };
};

/** Policy labels and annotations of a Namespace. */
export type NamespacePolicy = {
  /** From its label `pod-security.kubernetes.io/enforce`. */
  readonly podSecurity?: PodSecurityLevel;
  /** From its annotation `amalthea.dev/allowed-routes`. */
  readonly routes?: readonly string[];
};
