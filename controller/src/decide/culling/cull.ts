import type { CullingReason } from "@amalthea/api";

/** A limit that is reached at `at`, and what is done then. */
export type Cull = {
  readonly reason: CullingReason;
  readonly kind: "Hibernate" | "Delete";
  readonly at: Date;
  /** When people are told that it will be reached. */
  readonly warnAt: Date;
};

/** Under which the API server's refusal of a cull is remembered, beside those of children. */
export const CULLING_KEY = "culling";

/** The one that is reached first. */
export function first(culls: readonly Cull[]): Cull | undefined {
  return culls.toSorted((a, b) => a.at.getTime() - b.at.getTime())[0];
}
