import { ANNOTATIONS, type JupyterServer } from "@amalthea/api";
import type { Action } from "../decision.ts";
import { withAnnotation, withoutHash, type DesiredChild } from "../children/desired-child.ts";
import { toolLabelsIn } from "../children/labels.ts";
import { contentHash } from "../values/hash.ts";
import { canonicalJson, objectOf, valueAt, type JsonObject } from "../values/json.ts";
import { labelPath, patchMetadata } from "../metadata-patch.ts";
import { targetOf } from "../live/child.ts";
import { isClaimBound } from "../live/claim.ts";
import type { LiveChild } from "../live/observed.ts";
import type { Problem } from "../facts.ts";
import { parseQuantity } from "../values/quantity.ts";

/** What to do with a live claim. */
export type ClaimDecision =
  /** The claim as it can be applied: immutable fields keep their live values, and `problems` says which. */
  | { readonly kind: "Keep"; readonly desired: DesiredChild; readonly problems: readonly Problem[] }
  /** It was never bound, so it holds no data: it is recreated. */
  | { readonly kind: "Replace"; readonly because: string };

/** Fields of a claim that are fixed once it is bound, and what they are called when it is recreated. */
const FIXED = {
  storageClassName: "class",
  accessModes: "list of access modes",
  volumeName: "volume",
  selector: "selector",
} as const;

type FixedField = keyof typeof FIXED;

const FIXED_FIELDS = Object.keys(FIXED) as readonly FixedField[];

/**
 * Fits a desired claim to the live one: a claim can grow, but not shrink, and where its volume comes from is fixed once it
 * is bound.
 *
 * @param isRefused The API server refused the desired claim. That a class is no longer requested shows in this alone: a
 * live claim does not distinguish the cluster's default class from a requested one.
 */
export function reconcileClaim(desired: DesiredChild, live: LiveChild, isRefused: boolean): ClaimDecision {
  const wanted = desired.manifest["spec"];
  const [to, from] = [sizeOf(wanted), sizeOf(live.spec)];
  const others = FIXED_FIELDS.filter((field) => isOther(field, valueAt(wanted, field), valueAt(live.spec, field)));
  const isSmaller = isBelow(to, from);
  if (!isClaimBound(live)) {
    const [change] = [
      ...others.map((field) => `its ${FIXED[field]} changed`),
      ...(isSmaller ? ["it got smaller"] : []),
    ];
    // Somebody else may be about to give the claim a volume with files: one that the server does not name.
    const isGiven = valueAt(live.spec, "volumeName") !== undefined && valueAt(wanted, "volumeName") === undefined;
    if (change !== undefined && !isGiven) return { kind: "Replace", because: `${change} before it was bound` };
    if (isRefused) return { kind: "Replace", because: "it cannot be changed, and was never bound" };
    if (change === undefined) return { kind: "Keep", desired, problems: [] };
  }
  const problems: readonly Problem[] = [
    ...others.map((field) => refusedChange(field, valueAt(live.spec, field), valueAt(wanted, field))),
    ...(isSmaller ? [{ kind: "ClaimShrinkRefused", from: String(from), to: String(to) } as const] : []),
  ];
  const fixed = valuesOf(live, others);
  const fitted = problems.length === 0 ? desired : asItIs(desired, fixed, isSmaller ? from : to);
  return { kind: "Keep", desired: withFixed(fitted, live), problems };
}

/** Every claim has access modes: where none are seen, nothing is known of them. */
function isOther(field: FixedField, wanted: unknown, live: unknown): boolean {
  if (wanted === undefined || (field === "accessModes" && live === undefined)) return false;
  return canonicalJson(wanted) !== canonicalJson(live);
}

function refusedChange(field: FixedField, from: unknown, to: unknown): Problem {
  return { kind: "ClaimChangeRefused", field: `storage.pvc.${field}`, from: textOf(from), to: textOf(to) };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "none");
}

function valuesOf(live: LiveChild, fields: readonly FixedField[]): JsonObject {
  const values = fields.map((field) => [field, valueAt(live.spec, field)] as const);
  return Object.fromEntries(values.filter(([, value]) => value !== undefined));
}

function sizeOf(spec: unknown): unknown {
  return valueAt(spec, "resources", "requests", "storage");
}

function isBelow(size: unknown, limit: unknown): boolean {
  const [amount, least] = [parseQuantity(size), parseQuantity(limit)];
  return amount !== undefined && least !== undefined && amount < least;
}

/**
 * The claim with what it was bound with and its server does not request: nothing of that can be removed. The hash stays
 * that of the desired claim, so that claims of the default class are not written again.
 */
function withFixed({ childKey, manifest, desiredHash }: DesiredChild, live: LiveChild): DesiredChild {
  const spec = { ...valuesOf(live, FIXED_FIELDS), ...objectOf(manifest["spec"]) };
  return { childKey, desiredHash, manifest: { ...manifest, spec } };
}

function asItIs({ childKey, manifest }: DesiredChild, fixed: JsonObject, storage: unknown): DesiredChild {
  const possible = {
    ...withoutHash(manifest),
    spec: { ...objectOf(manifest["spec"]), resources: { requests: { storage } }, ...fixed },
  };
  const desiredHash = contentHash(possible);
  return { childKey, manifest: withAnnotation(possible, ANNOTATIONS.desiredHash, desiredHash), desiredHash };
}

/**
 * Takes a claim out of the server's ownership, so that it outlives it, and out of the sight of tools that would delete what
 * has no owner. No write if it has no owner of this uid.
 */
export function releaseClaim(live: LiveChild, server: JupyterServer): readonly Action[] {
  const index = (live.metadata.ownerReferences ?? []).findIndex(({ uid }) => uid === server.metadata.uid);
  if (index < 0) return [];
  const path = `/metadata/ownerReferences/${index}`;
  const operations = [
    { op: "test", path: `${path}/uid`, value: server.metadata.uid },
    { op: "remove", path },
    ...toolLabelsIn(live.metadata.labels).map((name) => ({ op: "remove", path: labelPath(name) })),
  ];
  const { annotations = {} } = live.metadata; // none is added
  return [patchMetadata(targetOf(live), annotations, operations, "storage.pvc.retentionPolicy is Retain")];
}
