import type { Kind, Live, ObjectKey } from "@amalthea/kube";
import type { Action } from "../decide/decision.ts";
import type { ObservedFailure, ObservedSecret } from "../decide/live/observed.ts";

/** Result of one action of a plan. */
export type ActionResult =
  /** The API server accepted it; `object` is its response, where that is the object itself. */
  | { readonly kind: "Written"; readonly action: Action; readonly at: Kind; readonly object: Live | undefined }
  /** The object is gone, or was gone already. */
  | {
      readonly kind: "Removed";
      readonly action: Action;
      readonly at: Kind;
      readonly key: ObjectKey;
      readonly uid: string;
    }
  /** The Secret was created, updated, or found as it should be. */
  | { readonly kind: "SecretSeen"; readonly action: Action; readonly secret: ObservedSecret; readonly wrote: boolean }
  /** The API server will not accept it until something changes. */
  | { readonly kind: "Refused"; readonly action: Action; readonly failure: ObservedFailure }
  /** Not sent; time alone changes that, if `retryAfterMs` is given. */
  | {
      readonly kind: "Skipped";
      readonly action: Action;
      readonly because: "Equivalent" | "Contested" | "AfterFailure" | "ClockAhead" | "NamespaceTerminating";
      readonly retryAfterMs: number | undefined;
    };
