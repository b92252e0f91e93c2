import type { JupyterServer } from "@amalthea/api";
import type { Action } from "../decision.ts";
import type { DesiredChild } from "../children/desired.ts";
import { toolLabelsIn } from "../children/labels.ts";
import { contentHash } from "../values/hash.ts";
import { objectOf, valueAt } from "../values/json.ts";
import { labelPath, patchMetadata } from "../metadata-patch.ts";
import { targetOf } from "../live/child.ts";
import type { LiveChild } from "../live/observed.ts";
import type { Problem } from "../facts.ts";
import { parseQuantity } from "../values/quantity.ts";
import { ANNOTATIONS } from "@amalthea/api";

/** What to do with a live claim. */
export type ClaimDecision =
  /** The claim as it can be applied: immutable fields keep their live values, and `problems` says which. */
  | { readonly kind: "Keep"; readonly desired: DesiredChild; readonly problems: readonly Problem[] }
  /** It was never bound, so it holds no data: it is recreated. */
  | { readonly kind: "Replace"; readonly because: string };

/**
 * Fits a desired claim to the live one: a claim can grow, but not shrink, and its class is fixed once it is bound.
 *
 * @param isRefused The API server refused the desired claim. That a class is no longer requested shows in this alone: a
 * live claim does not distinguish the cluster's default class from a requested one.
 */
export function reconcileClaim(desired: DesiredChild, live: LiveChild, isRefused: boolean): ClaimDecision {
  const from = { storageClass: valueAt(live.spec, "storageClassName"), size: sizeOf(live.spec) };
  const to = {
    storageClass: valueAt(desired.manifest, "spec", "storageClassName"),
    size: sizeOf(desired.manifest["spec"]),
  };
  const isOtherClass = to.storageClass !== undefined && to.storageClass !== from.storageClass;
  const isSmaller = isBelow(to.size, from.size);
  if (!isBound(live)) {
    if (isOtherClass) return { kind: "Replace", because: "its class changed before it was bound" };
    if (isSmaller) return { kind: "Replace", because: "it got smaller before it was bound" };
    if (isRefused) return { kind: "Replace", because: "it cannot be changed, and was never bound" };
    return { kind: "Keep", desired, problems: [] };
  }
  const problems: Problem[] = [];
  if (isOtherClass) {
    const names = { from: String(from.storageClass), to: String(to.storageClass) };
    problems.push({ kind: "ClaimChangeRefused", field: "storage.pvc.storageClassName", ...names });
  }
  if (isSmaller) problems.push({ kind: "ClaimShrinkRefused", from: String(from.size), to: String(to.size) });
  const size = isSmaller ? from.size : to.size;
  const fitted = problems.length === 0 ? desired : asItIs(desired, isOtherClass ? from.storageClass : undefined, size);
  const isClassless = to.storageClass === undefined;
  return { kind: "Keep", desired: isClassless ? withClass(fitted, from.storageClass) : fitted, problems };
}

function isBound({ spec, status }: LiveChild): boolean {
  return valueAt(spec, "volumeName") !== undefined || valueAt(status, "phase") === "Bound";
}

function sizeOf(spec: unknown): unknown {
  return valueAt(spec, "resources", "requests", "storage");
}

function isBelow(size: unknown, limit: unknown): boolean {
  const [amount, least] = [parseQuantity(size), parseQuantity(limit)];
  return amount !== undefined && least !== undefined && amount < least;
}

/**
 * The claim with the class that it was bound with, for a server that requests none: a class cannot be removed. The hash
 * stays that of the desired claim, so that claims of the default class are not written again.
 */
function withClass({ childKey, manifest, desiredHash }: DesiredChild, storageClassName: unknown): DesiredChild {
  const spec = { ...objectOf(manifest["spec"]), ...(storageClassName === undefined ? {} : { storageClassName }) };
  return { childKey, desiredHash, manifest: { ...manifest, spec } };
}

/** @param storageClassName Undefined leaves the desired one. */
function asItIs({ childKey, manifest }: DesiredChild, storageClassName: unknown, storage: unknown): DesiredChild {
  const spec = objectOf(manifest["spec"]);
  const { [ANNOTATIONS.desiredHash]: _hash, ...annotations } = manifest.metadata.annotations ?? {};
  const possible = {
    ...manifest,
    metadata: { ...manifest.metadata, annotations },
    spec: {
      ...spec,
      resources: { requests: { storage } },
      ...(storageClassName === undefined ? {} : { storageClassName }),
    },
  };
  const desiredHash = contentHash(possible);
  const metadata = { ...possible.metadata, annotations: { ...annotations, [ANNOTATIONS.desiredHash]: desiredHash } };
  return { childKey, manifest: { ...possible, metadata }, desiredHash };
}

/**
 * Takes a claim out of the server's ownership, so that it outlives it, and out of the sight of tools that would delete what
 * has no owner. Undefined if it has no owner of this uid.
 */
export function releaseClaim(live: LiveChild, server: JupyterServer): Action | undefined {
  const index = (live.metadata.ownerReferences ?? []).findIndex(({ uid }) => uid === server.metadata.uid);
  if (index < 0) return undefined;
  const path = `/metadata/ownerReferences/${index}`;
  const operations = [
    { op: "test", path: `${path}/uid`, value: server.metadata.uid },
    { op: "remove", path },
    ...toolLabelsIn(live.metadata.labels).map((name) => ({ op: "remove", path: labelPath(name) })),
  ];
  const { annotations = {} } = live.metadata; // none is added
  return patchMetadata(targetOf(live), annotations, operations, "storage.pvc.retentionPolicy is Retain");
}
