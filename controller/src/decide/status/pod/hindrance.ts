import type { ReasonWithValues } from "@amalthea/api";

/** What keeps a pod from becoming ready. */
export type Hindrance =
  /** It may pass by itself; when it has lasted for the grace period, `lasting` is the reason of the failure. */
  | {
      readonly kind: "Waiting";
      readonly why: ReasonWithValues;
      readonly since: Date;
      readonly lasting: ReasonWithValues;
    }
  /** Somebody has to mend it. `vague`: the kubelet says less than it said before; an earlier reason stays the better one. */
  | { readonly kind: "Failing"; readonly why: ReasonWithValues; readonly vague: boolean };

/** A hindrance that somebody has to mend. */
export function failing(why: ReasonWithValues): Hindrance {
  return { kind: "Failing", why, vague: false };
}
