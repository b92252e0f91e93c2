import type { Action } from "../decision.ts";
import { childKeyOf, isTerminating, liveStatefulSet, replicasOf, targetOf } from "../live/child.ts";
import type { LiveChild, Observed } from "../live/observed.ts";
import { isLegacy } from "./legacy.ts";

/** What becomes of children that the predecessor made. */
export type Migration =
  /** There are none, or none that stand in the way. */
  | { readonly kind: "None" }
  /** They stay as they are while their pod lives, or while the server sleeps. */
  | { readonly kind: "Keep"; readonly statefulSet: LiveChild }
  /** They give way to ours; Secret and claim stay. */
  | { readonly kind: "Replace"; readonly old: readonly LiveChild[]; readonly because: string };

/** Children whose new form differs so much that they are made anew rather than changed. */
export const REPLACED_KEYS: ReadonlySet<string> = new Set(["statefulset", "service", "ingress", "configmap"]);

/**
 * @param restartReason Why the pod of the predecessor's layout is to be replaced now; undefined lets it live.
 * @param isMoveRefused Another server has the route that the spec asks for: ours would have none.
 */
export function migrationOf(observed: Observed, restartReason: string | undefined, isMoveRefused: boolean): Migration {
  const old = observed.children.filter((child) => isLegacy(child) && REPLACED_KEYS.has(childKeyOf(child) ?? ""));
  if (old.length === 0) return { kind: "None" };
  const statefulSet = liveStatefulSet(observed);
  if (statefulSet === undefined || !isLegacy(statefulSet)) {
    return { kind: "Replace", old, because: "the StatefulSet is in the new layout" };
  }
  if (isMoveRefused) return { kind: "Keep", statefulSet };
  if (restartReason !== undefined) return { kind: "Replace", old, because: restartReason };
  const isResuming = !observed.server.spec.jupyterServer.hibernated;
  const isAtZero = replicasOf(statefulSet) === 0 && observed.pod === undefined;
  return isAtZero && isResuming && !isTerminating(statefulSet)
    ? { kind: "Replace", old, because: "the server starts from zero" }
    : { kind: "Keep", statefulSet };
}

/** The writes that make room for our children. A child that is being deleted already is waited for. */
export function removeLegacy({ old, because }: Extract<Migration, { kind: "Replace" }>): readonly Action[] {
  return old
    .filter((child) => !isTerminating(child))
    .map((child): Action => ({
      kind: "Remove",
      childKey: childKeyOf(child) ?? child.kind.toLowerCase(),
      target: targetOf(child),
      desiredHash: "",
      because: `the predecessor made it, and ${because}`,
    }));
}

/**
 * Whether a write is one that a server in the old layout can have: making what is not there. The NetworkPolicy is one of
 * them, which has to take the place of the predecessor's before somebody reaches the port of Jupyter past its login.
 * StatefulSet and ConfigMap belong together, so a new one of them waits for the new layout.
 */
export function suitsLegacyLayout(action: Action): boolean {
  return (
    action.kind === "Apply" && action.create && action.childKey !== "statefulset" && action.childKey !== "configmap"
  );
}
