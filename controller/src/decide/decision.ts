import type { JupyterServerStatus } from "@amalthea/api";

/** A complete manifest as it is sent by server-side apply: fixed key order, no timestamps, no defaults of the server. */
export type Manifest = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly OwnerReference[];
  };
  readonly [field: string]: unknown;
};

export type OwnerReference = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
};

/**
 * A Secret whose random values are drawn only when it is created, and kept from then on. `apply/` fills `generated` with
 * fresh values for the keys that the live Secret lacks; `decide/` never sees a value that it did not read in the spec.
 */
export type SecretManifest = {
  /** Has a `data` of its own (base64) only if patches put one there. */
  readonly manifest: Manifest;
  /** Values that follow the spec, as clear text: a given token, an inline client secret. */
  readonly given: Readonly<Record<string, string>>;
  /** Keys whose value is drawn at random once. */
  readonly generated: readonly GeneratedKey[];
  /** Hash of `given`, stored as an annotation, so that a later look tells whether the Secret follows the spec. */
  readonly contentHash: string;
  /** A Secret that is there is left as it is: patches that cannot be applied now may have made it so. */
  readonly isOnlyMade?: true;
};

export type GeneratedKey = {
  readonly key: string;
  /** `hex` for Jupyter (64 characters), `base64url` for oauth2-proxy (44 characters): 32 random bytes each. */
  readonly encoding: "hex" | "base64url";
};

/** One write. Each says why, for the log. */
export type Action =
  | {
      readonly kind: "EnsureSecret";
      readonly childKey: string;
      readonly secret: SecretManifest;
      readonly because: string;
    }
  | {
      readonly kind: "Apply";
      readonly childKey: string;
      readonly manifest: Manifest;
      /** Hash of the manifest; also its annotation. */
      readonly desiredHash: string;
      /** The child is not there: the apply must fail rather than take over an object of somebody else. */
      readonly create: boolean;
      readonly because: string;
    }
  | {
      readonly kind: "Remove";
      readonly childKey: string;
      readonly target: Target;
      /** Only this version of it may go: a claim that was bound meanwhile holds data. */
      readonly resourceVersion?: string;
      readonly because: string;
    }
  /** Removes the pod so that the StatefulSet makes a new one. */
  | { readonly kind: "RemovePod"; readonly target: Target; readonly because: string }
  /** Writes replicas through `/scale`, when the template cannot or must not be applied. */
  | { readonly kind: "Scale"; readonly target: Target; readonly replicas: 0 | 1; readonly because: string }
  | {
      readonly kind: "Resize";
      readonly target: Target;
      readonly container: string;
      readonly resources: Readonly<Record<string, unknown>>;
      /** Hash of `resources`; a refusal is remembered under it and the child key `pod`. */
      readonly desiredHash: string;
      readonly because: string;
    }
  /** JSON patch of the server's or a child's metadata, with a `test` on what it was decided from. */
  | {
      readonly kind: "PatchMetadata";
      readonly target: Target;
      readonly operations: readonly Readonly<Record<string, unknown>>[];
      readonly because: string;
    };

export type Target = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
};

/** The writes of one pass, in the order in which they are made. */
export type Plan = readonly Action[];

/** What happens to the server's key after a pass. */
export type ReconcileOutcome =
  | { readonly kind: "Settled" }
  /** Time alone changes the decision: a grace period ends, a deadline comes. */
  | { readonly kind: "CheckAgain"; readonly afterSeconds: number };

/** An Event for the server, emitted on a transition only. */
export type ServerEvent = {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly note: string;
};

export type Decision = {
  readonly plan: Plan;
  /** The complete status as it should be; `apply/` writes the difference to what is there, or nothing. */
  readonly status: JupyterServerStatus;
  readonly events: readonly ServerEvent[];
  readonly outcome: ReconcileOutcome;
};
