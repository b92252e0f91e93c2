import type { CullingReason } from "@amalthea/api";

/** Who set a limit: the server's spec, or an administrator, as a default or for all servers. */
export type LimitSource = "Server" | "Default" | "Maximum";

/** A limit that is reached at `at`, and what is done then. */
export type Cull = {
  readonly reason: CullingReason;
  readonly kind: "Hibernate" | "Delete";
  readonly at: Date;
  readonly setBy: LimitSource;
  /** When people are told that it will be reached. */
  readonly warnAt: Date;
};

/** Under which the API server's refusal of a cull is remembered, beside those of children. */
export const CULLING_KEY = "culling";

/** The one that is reached first. */
export function first(culls: readonly Cull[]): Cull | undefined {
  return culls.toSorted((a, b) => a.at.getTime() - b.at.getTime())[0];
}
