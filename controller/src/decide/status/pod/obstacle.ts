import type { ReasonWithValues } from "@amalthea/api";

/** What keeps a pod, or one of its containers, from becoming ready. */
export type Obstacle =
  /** The kubelet retries by itself. */
  | { readonly kind: "Passing"; readonly why: ReasonWithValues }
  /** It may pass by itself; when it has lasted for the grace period, `lasting` is the reason of the failure. */
  | {
      readonly kind: "Waiting";
      readonly why: ReasonWithValues;
      readonly since: Date;
      readonly lasting: ReasonWithValues;
    }
  /** Only a change fixes it. `vague`: the kubelet says less than before; an earlier reason stays the better one. */
  | { readonly kind: "Failing"; readonly why: ReasonWithValues; readonly vague: boolean };

/** An obstacle that only a change fixes. */
export function failing(why: ReasonWithValues): Extract<Obstacle, { kind: "Failing" }> {
  return { kind: "Failing", why, vague: false };
}
