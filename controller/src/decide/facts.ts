import type { Reason, ReasonValues, Route } from "@amalthea/api";

/**
 * What planning found out that status has to report. Planning says *what* is the case; `status.ts` chooses the
 * condition, its reason and the message for the user. Failures of the API server are not repeated here: they are in
 * `Observed.failures`.
 */
export type PlanFacts = {
  /** Why the server, or a part of it, cannot reach its spec. */
  readonly problems: readonly Problem[];
  /** What differs from the request, or is unsafe; the server works nevertheless. */
  readonly warnings: readonly Warning[];
  /** Spec fields (`jupyterServer.image`) that reach the pod at its next start, sorted; empty when there is no pod. */
  readonly pendingFields: readonly string[];
  /**
   * Where users find the server: what the running pod was started with, else what the spec says. Undefined without a
   * host.
   */
  readonly route: Route | undefined;
  /** The live route is as desired (or a patch removed it on purpose): requests can reach the pod. */
  readonly desiredRouteSettled: boolean;
  readonly resize: ResizeFacts;
  /** The children are still in the legacy layout (0.24). */
  readonly legacyLayout: boolean;
  /** Replicas of the StatefulSet as they should be now. */
  readonly replicas: 0 | 1;
  /** A restart was requested and has not happened yet, or `updatePolicy: Restart` removes the pod in this reconcile. */
  readonly restarting: boolean;
};

/** A CPU or memory change on a running pod. Whether the node grants it, the pod's own conditions say. */
export type ResizeFacts =
  | { readonly kind: "None" }
  /** A `Resize` is in this plan. */
  | { readonly kind: "Requested"; readonly container: string }
  /** The change waits for the next start, because it cannot be made in place. */
  | { readonly kind: "NotPossible"; readonly because: string };

export type Problem =
  /** A field that can never work, such as a missing host: dotted path below `spec`, and what to do. */
  | { readonly kind: "InvalidSpec"; readonly field: string; readonly message: string }
  | {
      readonly kind: "PatchFailed";
      /** Index in `spec.patches`. */
      readonly patchIndex: number;
      /** JSON pointer in the patch document, empty when the patch as a whole is malformed. */
      readonly path: string;
      readonly reason: string;
    }
  /** Patches added a child of a kind that the administrator has not listed. */
  | {
      readonly kind: "ChildKindRefused";
      readonly childKey: string;
      readonly apiVersion: string;
      readonly childKind: string;
    }
  /** A patch left a child that is no manifest, or changed what it may not (name, namespace, owner, our labels). */
  | { readonly kind: "ChildInvalid"; readonly childKey: string; readonly reason: string }
  /**
   * Another server, `namespace/name`, already serves this host and path, or is older and requests it. `keptUrl` is the
   * address that the server keeps; undefined if it has no route at all.
   */
  | { readonly kind: "RouteTaken"; readonly holder: string; readonly keptUrl: string | undefined }
  /**
   * A rule of an Ingress, other than the server's own route, would capture requests of another server,
   * `namespace/name`.
   */
  | { readonly kind: "RuleTaken"; readonly childKey: string; readonly route: string; readonly holder: string }
  /** A pod of this child violates the Pod Security level of the server. */
  | ({ readonly kind: "PodSecurityViolated" } & ReasonValues["PodSecurity"])
  /** The namespace has more servers than allowed, and this is not one of the oldest. */
  | { readonly kind: "TooManyServers"; readonly limit: number }
  | OfReason<"NotAllowed" | "ClaimShrinkRefused" | "ClaimChangeRefused" | "PredecessorRunning">;

/** What has the name and the values of a reason; the catalogue tells when it applies. */
export type OfReason<R extends Reason> = { readonly [K in R]: { readonly kind: K } & ReasonValues[K] }[R];

export type Warning =
  /** `auth.token: ""` without OIDC: everybody who reaches the server may use it. */
  | { readonly kind: "OpenServer" }
  /** A patch addressed the proxy container, which a server in token mode does not have, or set other replicas. */
  | { readonly kind: "PatchSkipped"; readonly patchIndex: number; readonly path: string; readonly reason: string }
  /** A child is created without some of what patches or the spec request. */
  | { readonly kind: "ChildAdjusted"; readonly childKey: string; readonly adjustments: readonly Adjustment[] }
  /** OIDC on a plain-http host that is not localhost: browsers reject the session cookie. */
  | { readonly kind: "InsecureLogin"; readonly host: string }
  /** Violations of the policy that are older than the policy; one line each. */
  | { readonly kind: "ViolationTolerated"; readonly violations: readonly string[] }
  | OfReason<"UnverifiedEmailsCount" | "NobodyAuthorized" | "ChangedByOthers" | "IngressAnnotationIgnored">
  | OfReason<"SkipAuthRouteIgnored" | "TokenIssuerIgnored" | "EmailDomainIgnored" | "AuthoritiesNotShared">
  | OfReason<"HibernatedWithoutVolume" | "RootDirOutsideVolume">;

/** What was left out of a child, or changed in it. */
export type Adjustment = {
  /**
   * Dotted path in the child, such as `spec.template.spec.containers[git].securityContext.fsGroup`; of what is not from a
   * patch in the server, such as `spec.jupyterServer.tolerations[0].value`.
   */
  readonly field: string;
  /**
   * Kubernetes has no such field, or writes it itself: when an object is created it drops them silently, where a
   * server-side apply is rejected. Of list items with one key, the last counts. A port's name, and the number of the
   * pod, are the server's own.
   */
  readonly why: "NoSuchField" | "WrittenByKubernetes" | "Duplicate" | "PortNameTaken" | "OrdinalFixed";
};
