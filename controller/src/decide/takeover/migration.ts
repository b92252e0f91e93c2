import type { Desired } from "../children/desired.ts";
import type { DesiredChild } from "../children/desired-child.ts";
import type { Action } from "../decision.ts";
import { childKeyOf, isTerminating, liveStatefulSet, replicasOf, targetOf } from "../live/child.ts";
import type { LiveChild, Observed } from "../live/observed.ts";
import { isLegacy } from "./legacy.ts";

/** What to do with legacy children (0.24). */
export type Migration =
  /** There are none to remove. */
  | { readonly kind: "None" }
  /**
   * They stay as they are while their pod lives, while the server is hibernated, or while the API server refuses the
   * new ones.
   */
  | { readonly kind: "Keep"; readonly statefulSet: LiveChild }
  /** They are removed and recreated; Secret and claim stay. */
  | { readonly kind: "Replace"; readonly old: readonly LiveChild[]; readonly because: string };

/** Children whose new layout differs so much that they are recreated rather than changed. */
export const REPLACED_KEYS: ReadonlySet<string> = new Set(["statefulset", "service", "ingress", "configmap"]);

/**
 * @param restartReason Why the pod in the legacy layout is to be replaced now; undefined keeps it.
 * @param isMoveRefused Another server has the route that the spec requests: the new Ingress would have none.
 */
export function migrationOf(
  observed: Observed,
  desired: Desired,
  restartReason: string | undefined,
  isMoveRefused: boolean,
): Migration {
  const old = observed.children.filter((child) => isLegacy(child) && REPLACED_KEYS.has(childKeyOf(child) ?? ""));
  if (old.length === 0) return { kind: "None" };
  const statefulSet = liveStatefulSet(observed);
  if (statefulSet === undefined || !isLegacy(statefulSet)) {
    return { kind: "Replace", old, because: "the StatefulSet is in the new layout" };
  }
  if (isMoveRefused || isNewLayoutRefused(observed, desired)) return { kind: "Keep", statefulSet };
  if (restartReason !== undefined) return { kind: "Replace", old, because: restartReason };
  const isResuming = !observed.server.spec.jupyterServer.hibernated;
  const isAtZero = replicasOf(statefulSet) === 0 && observed.pod === undefined;
  return isAtZero && isResuming && !isTerminating(statefulSet)
    ? { kind: "Replace", old, because: "the server starts from zero" }
    : { kind: "Keep", statefulSet };
}

/** Whether a dry run of the new layout was refused, and it is too soon for another. */
function isNewLayoutRefused({ failures }: Observed, desired: Desired): boolean {
  return failures.some(
    ({ childKey, desiredHash, isDryRun, mayRetry }) =>
      isDryRun === true && mayRetry !== true && replacementOf(desired, childKey)?.desiredHash === desiredHash,
  );
}

function replacementOf(desired: Desired, childKey: string): DesiredChild | undefined {
  return desired.kind === "Rendered" ? desired.children.find((child) => child.childKey === childKey) : undefined;
}

/** The writes that remove legacy children. A child that is already being deleted is waited for. */
export function removeLegacy(
  { old, because }: Extract<Migration, { kind: "Replace" }>,
  desired: Desired,
): readonly Action[] {
  return old.filter((child) => !isTerminating(child)).map((child) => removalFor(child, desired, because));
}

function removalFor(live: LiveChild, desired: Desired, why: string): Action {
  const childKey = childKeyOf(live) ?? live.kind.toLowerCase();
  const because = `it is in the legacy layout (0.24), and ${why}`;
  const removal = { kind: "Remove", childKey, target: targetOf(live), because } as const;
  const replacement = replacementOf(desired, childKey);
  if (replacement === undefined) return { ...removal, desiredHash: "" };
  const { desiredHash, manifest } = replacement;
  if (live.kind !== "StatefulSet") return { ...removal, desiredHash, replacement: { manifest, dryRun: "Over" } };
  // Most of a StatefulSet cannot be changed. What others wrote into this version is in the new one.
  const { resourceVersion } = live.metadata;
  return { ...removal, resourceVersion, desiredHash, replacement: { manifest, dryRun: "Beside" } };
}

/**
 * Whether a write suits a server in the legacy layout: creating what is missing. One is the NetworkPolicy, which must
 * replace that of 0.24's chart before somebody bypasses the login through Jupyter's port.
 * StatefulSet and ConfigMap belong together, so a new one of them waits for the migration.
 */
export function suitsLegacyLayout(action: Action): boolean {
  return (
    action.kind === "Apply" && action.create && action.childKey !== "statefulset" && action.childKey !== "configmap"
  );
}
