import type { JupyterServerStatus } from "@amalthea/api";
import type * as meta from "kubernetes-types/meta/v1.js";
import type { Cull } from "./culling/limits.ts";
import type { ActivityQuestion } from "./culling/activity-question.ts";

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

export type OwnerReference = Readonly<meta.OwnerReference>;

/**
 * A Secret whose random values are generated only when it is created, and kept from then on. `apply/` fills `generated`
 * with fresh values for the keys that the live Secret lacks; `decide/` never sees a value that it did not read in the
 * spec.
 */
export type SecretManifest = {
  /** Has `data` (base64) only if patches added it. */
  readonly manifest: Manifest;
  /** Values that follow the spec, as clear text: a given token, an inline client secret. */
  readonly given: Readonly<Record<string, string>>;
  /** Keys whose value is generated once. */
  readonly generated: readonly GeneratedKey[];
  /** Hash of `given`, stored as an annotation, so that a later reconcile can tell whether the Secret follows the spec. */
  readonly contentHash: string;
  /** An existing Secret is not changed: patches that cannot be applied now may have shaped it. */
  readonly isOnlyMade?: true;
  /**
   * Of a Secret that patches added: hash of the values that they gave it, which is also its annotation
   * `amalthea.dev/patched-hash`. While a Secret has it, values that differ were written by somebody else, and stay.
   */
  readonly patchedHash?: string;
  /** Values that differ stay also in a Secret without that annotation: 0.24 created it from the same patches. */
  readonly keepsUnmarked?: true;
};

export type GeneratedKey = {
  readonly key: string;
  /** `hex` for Jupyter (64 characters), `base64url` for oauth2-proxy (44 characters): 32 random bytes each. */
  readonly encoding: "hex" | "base64url";
};

/** What every write has in common. */
type ActionHead = {
  /**
   * Key of the child in the patch document, or `pod`, `scale`, `retry`, or the kind: failures are remembered and logged
   * under it.
   */
  readonly childKey: string;
  /** The object that is written. */
  readonly target: Target;
  /** Hash of what is requested, under which a refusal is remembered; empty where every reconcile may retry. */
  readonly desiredHash: string;
  /** The reason, for the log. */
  readonly because: string;
};

/** A child that takes the place of one that works, and how it is tried in a dry run. */
export type Replacement = {
  readonly manifest: Manifest;
  /** `Over` the existing one, or `Beside` it, under another name, where a change of that one is not permitted. */
  readonly dryRun: "Over" | "Beside";
};

/** One write. */
export type Action = ActionHead &
  (
    | { readonly kind: "EnsureSecret"; readonly secret: SecretManifest }
    | {
        readonly kind: "Apply";
        readonly manifest: Manifest;
        /** The child does not exist: the apply must fail rather than take over an object of somebody else. */
        readonly create: boolean;
        /** Only this version may be changed: a later one may have values that the manifest must yield to. */
        readonly resourceVersion?: string;
      }
    | {
        readonly kind: "Remove";
        readonly target: LiveTarget;
        /** Only this version may be deleted: a claim that was bound meanwhile holds data. */
        readonly resourceVersion?: string;
        /** Its replacement, whose hash is `desiredHash`: nothing is removed before the API server accepts that. */
        readonly replacement?: Replacement;
      }
    /** Deletes the pod so that the StatefulSet controller creates a new one. */
    | { readonly kind: "RemovePod"; readonly target: LiveTarget }
    /** Writes replicas through `/scale`, when the template cannot or must not be applied. */
    | { readonly kind: "Scale"; readonly target: LiveTarget; readonly replicas: 0 | 1 }
    | {
        readonly kind: "Resize";
        readonly target: LiveTarget;
        readonly container: string;
        readonly resources: Readonly<Record<string, unknown>>;
      }
    /** Hibernates or deletes this version of the server, because a limit is reached. */
    | {
        readonly kind: "Cull";
        readonly target: LiveTarget;
        readonly resourceVersion: string;
        readonly cull: Cull;
        /**
         * Our clock is ahead of the API server's: the limit may only seem to be reached. It is reported, and not
         * enforced.
         */
        readonly isClockAhead: boolean;
        /** Annotations that tell clients of a hibernation. */
        readonly annotations: Readonly<Record<string, string>>;
        /** For the server's Event. */
        readonly note: string;
      }
    /** JSON patch of the server's or a child's metadata, with a `test` on what it was decided from. */
    | {
        readonly kind: "PatchMetadata";
        readonly target: LiveTarget;
        readonly operations: readonly Readonly<Record<string, unknown>>[];
      }
  );

/** One kind of write. */
export type ActionOf<K extends Action["kind"]> = Extract<Action, { kind: K }>;

/** The address of an object. */
export type Target = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
};

/** The address of the object that a manifest describes. */
export function addressOf({ apiVersion, kind, metadata }: Manifest): Target {
  return { apiVersion, kind, namespace: metadata.namespace, name: metadata.name };
}

/** An object that exists: this very one, not a later one of its name. */
export type LiveTarget = Target & { readonly uid: string };

/** The writes of one reconcile, in the order in which they are made. */
export type Plan = readonly Action[];

/** When the server is reconciled again. */
export type DecisionOutcome =
  | { readonly kind: "Settled" }
  /** Time alone changes the decision: a grace period or a deadline ends. */
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
  readonly outcome: DecisionOutcome;
  /** Whom to ask about the server's activity, outside of the reconcile. */
  readonly question?: ActivityQuestion;
  /** What was thrown while deciding, for the log. */
  readonly error?: unknown;
};
