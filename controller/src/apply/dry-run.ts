import type { Kind, KubeClient } from "@amalthea/kube";
import type { Action, ActionOf, Manifest, Replacement } from "../decide/decision.ts";
import { isOfQuota } from "../decide/values/quota.ts";
import type { KindName } from "../kinds.ts";
import type { ActionResult } from "./action-result.ts";
import { asRefusal } from "./refusal.ts";

type DryRunDeps = { readonly client: KubeClient; readonly findKind: (name: KindName) => Kind };

/** A removal whose replacement is known. */
type ReplacingRemoval = ActionOf<"Remove"> & { readonly replacement: Replacement };

export function isReplacement(action: Action): action is ReplacingRemoval {
  return action.kind === "Remove" && action.replacement !== undefined;
}

/**
 * Tries the replacements of the removals in a dry run.
 *
 * @returns A result for each that the API server refuses; empty if it accepts all.
 * @throws ApiError, ConnectionError for what the queue should try again.
 */
export async function refusedReplacements(
  removals: readonly ReplacingRemoval[],
  deps: DryRunDeps,
  signal: AbortSignal,
): Promise<readonly ActionResult[]> {
  const results = await Promise.all(removals.map((removal) => refusedReplacement(removal, deps, signal)));
  return results.filter((result) => result !== undefined);
}

async function refusedReplacement(
  action: ReplacingRemoval,
  { client, findKind }: DryRunDeps,
  signal: AbortSignal,
): Promise<ActionResult | undefined> {
  const { manifest, dryRun } = action.replacement;
  const isBeside = dryRun === "Beside";
  try {
    const tried = isBeside ? underAnotherName(manifest) : manifest;
    await client.apply(findKind(manifest), tried, { dryRun: true, createOnly: isBeside }, signal);
    return undefined;
  } catch (error) {
    const failure = asRefusal(action, error);
    if (failure === undefined) throw error;
    if (isBeside && failure.code === 403 && isOfQuota(failure.message)) return undefined; // counted twice
    return { kind: "Refused", action, failure: { ...failure, isDryRun: true } };
  }
}

/** Short enough for every kind: the names of Services have at most 63 characters. */
function underAnotherName({ metadata, ...rest }: Manifest): Manifest {
  return { ...rest, metadata: { ...metadata, name: `${metadata.name.slice(0, 50)}-dry-run` } } as Manifest;
}
