import { ANNOTATIONS, type JupyterServer } from "@amalthea/api";
import type { Action } from "../decision.ts";
import { withAnnotation, withoutHash, type DesiredChild } from "../children/desired-child.ts";
import { toolLabelsIn } from "../children/labels.ts";
import { contentHash } from "../values/hash.ts";
import { objectOf, valueAt, type JsonObject } from "../values/json.ts";
import { firstDifference } from "./difference.ts";
import { labelPath, patchMetadata } from "../metadata-patch.ts";
import { isMadeAs, targetOf } from "../live/child.ts";
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
 * Fits a desired claim to the live one: a claim can grow, but not shrink, and where its volume comes from is fixed once
 * it is bound.
 *
 * @param isRefused The API server refused the desired claim. That a class is no longer requested shows in this alone: a
 * live claim does not distinguish the cluster's default class from a requested one.
 */
export function reconcileClaim(child: DesiredChild, live: LiveChild, isRefused: boolean): ClaimDecision {
  const desired = withoutEmptyName(child);
  const wanted = desired.manifest["spec"];
  const [to, from] = [sizeOf(wanted), sizeOf(live.spec)];
  const others = FIXED_FIELDS.filter((field) => isOther(field, desired, live));
  const isSmaller = isBelow(to, from);
  const fixedAsLive = (storage: unknown): DesiredChild => withSpec(desired, valuesOf(live, others), storage);
  if (!isClaimBound(live)) {
    // Created as desired: the difference comes from a webhook, and would come again.
    if (!isRefused && isMadeAs(desired.desiredHash, live)) {
      return { kind: "Keep", desired: fixedAsLive(from), problems: [] };
    }
    const [change] = [
      ...others.map((field) => `its ${FIXED[field]} changed`),
      ...(isSmaller ? ["it got smaller"] : []),
    ];
    // Somebody else may be about to bind the claim to a volume with files: one that the server does not name.
    const isGiven = valueAt(live.spec, "volumeName") !== undefined && valueAt(wanted, "volumeName") === undefined;
    if (change !== undefined && !isGiven) return { kind: "Replace", because: `${change} before it was bound` };
    if (isRefused) return { kind: "Replace", because: "it cannot be changed, and was never bound" };
    if (change === undefined) return { kind: "Keep", desired, problems: [] };
  }
  const problems: readonly Problem[] = [
    ...others.map((field) => refusedChange(field, valueAt(live.spec, field), valueAt(wanted, field))),
    ...(isSmaller ? [{ kind: "ClaimShrinkRefused", from: String(from), to: String(to) } as const] : []),
  ];
  const possible = problems.length === 0 ? desired : rehashed(fixedAsLive(isSmaller ? from : to));
  return { kind: "Keep", desired: withFixed(possible, live), problems };
}

function isOther(field: FixedField, { manifest }: DesiredChild, live: LiveChild): boolean {
  const [wanted, actual] = [valueAt(manifest["spec"], field), valueAt(live.spec, field)];
  if (wanted === undefined || wanted === null) return false;
  // Every claim has access modes: if none are seen, they are unknown.
  if (actual === undefined) return field !== "accessModes";
  const { apiVersion, kind } = manifest;
  const only = (value: unknown) => ({ apiVersion, kind, spec: { [field]: value } });
  return firstDifference(only(wanted), only(actual)) !== undefined;
}

/** An empty name of a volume requests none, and the API server does not store it; an empty class means none at all. */
function withoutEmptyName(child: DesiredChild): DesiredChild {
  const { volumeName, ...spec } = objectOf(child.manifest["spec"]);
  return volumeName === "" ? { ...child, manifest: { ...child.manifest, spec } } : child;
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
  const spec = { ...objectOf(manifest["spec"]), ...valuesOf(live, FIXED_FIELDS) };
  return { childKey, desiredHash, manifest: { ...manifest, spec } };
}

function withSpec(
  { childKey, manifest, desiredHash }: DesiredChild,
  fixed: JsonObject,
  storage: unknown,
): DesiredChild {
  const wanted = objectOf(manifest["spec"]);
  const resources = objectOf(wanted["resources"]);
  const requests = { ...objectOf(resources["requests"]), storage };
  const spec = { ...wanted, resources: { ...resources, requests }, ...fixed };
  return { childKey, desiredHash, manifest: { ...manifest, spec } };
}

function rehashed({ childKey, manifest }: DesiredChild): DesiredChild {
  const possible = withoutHash(manifest);
  const desiredHash = contentHash(possible);
  return { childKey, manifest: withAnnotation(possible, ANNOTATIONS.desiredHash, desiredHash), desiredHash };
}

/**
 * Takes a claim out of the server's ownership, so that it outlives it, and hides it from tools that would delete what
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
