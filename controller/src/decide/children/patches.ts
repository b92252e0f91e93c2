import type { Patch } from "@amalthea/api";
import type { Problem, Warning } from "../facts.ts";
import { BoundedDocument } from "../patch/bounded-document.ts";
import { PATCH_BOUNDS, PatchRefused } from "../patch/bounds.ts";
import { isObject, valueAt, type JsonObject } from "../values/json.ts";
import type { PatchDocument } from "./patch-document.ts";

/** The document after all patches, or the first thing that failed. */
export type PatchResult =
  | {
      readonly kind: "Patched";
      readonly document: PatchDocument;
      readonly warnings: readonly Warning[];
      /** Index of the first patch that asks for another number of pods; undefined if none does. */
      readonly replicasPatch: number | undefined;
    }
  | { readonly kind: "Failed"; readonly problem: Problem; readonly warnings: readonly Warning[] };

/** Where clients' patches find the proxy of 0.24, which does not exist in token mode. */
const PROXY_CONTAINER = "/statefulset/spec/template/spec/containers/1";

/** Where they find the probes of Jupyter and of the proxy, of which a server with a login has only one. */
const PROBE = /^\/statefulset\/spec\/template\/spec\/containers\/[01]\/(startup|readiness|liveness)Probe(?=\/|$)/;

/** Kinds of probes that the kubelet sends to the pod's address, where these containers of a login do not listen. */
const NETWORK_PROBES = ["httpGet", "tcpSocket", "grpc"] as const;

/**
 * Applies patches in their order, each to the result of the one before, within `PATCH_BOUNDS`.
 *
 * @param document Is not changed.
 * @param hasProxy Whether the second container is a proxy, as with a login. Operations on what only 0.24's document has
 * are skipped with a warning, so that clients which always send them keep working.
 */
export function applyPatches(document: PatchDocument, patches: readonly Patch[], hasProxy: boolean): PatchResult {
  const warnings: Warning[] = [];
  const position: Position = { patchIndex: 0, path: "", operations: 0 };
  try {
    const childLimit = Object.keys(document).length + PATCH_BOUNDS.addedChildren;
    const state = { document: new BoundedDocument(document), childLimit, hasProxy, warnings };
    const replicasPatch = applyAll(state, patches, position);
    return { kind: "Patched", document: state.document.root as PatchDocument, warnings, replicasPatch };
  } catch (error) {
    if (!(error instanceof PatchRefused)) throw error;
    const { patchIndex, path } = position;
    return { kind: "Failed", problem: { kind: "PatchFailed", patchIndex, path, reason: error.message }, warnings };
  }
}

/** Where in the patches we are, for the message of what fails there. */
type Position = { patchIndex: number; path: string; operations: number };

type PatchState = {
  readonly document: BoundedDocument;
  readonly childLimit: number;
  readonly hasProxy: boolean;
  readonly warnings: Warning[];
};

function applyAll(state: PatchState, patches: readonly Patch[], position: Position): number | undefined {
  if (patches.length > PATCH_BOUNDS.patches) throw new PatchRefused(`more than ${PATCH_BOUNDS.patches} patches`);
  const replicas = replicasIn(state);
  let replicasPatch: number | undefined;
  for (const [patchIndex, patch] of patches.entries()) {
    position.patchIndex = patchIndex;
    applyOne(state, patch, position);
    if (replicasIn(state) !== replicas) replicasPatch ??= patchIndex;
  }
  return replicasPatch;
}

function replicasIn({ document }: PatchState): unknown {
  return valueAt(document.root, "statefulset", "spec", "replicas");
}

function applyOne(state: PatchState, { type, patch }: Patch, position: Position): void {
  position.path = "";
  switch (type) {
    case "application/json-patch+json":
      return applyJsonPatch(state, patch, position);
    case "application/merge-patch+json":
      if (!isObject(patch)) throw new PatchRefused("a merge patch must be an object");
      state.document.merge(patch);
      return checkChildren(state);
    case undefined:
      throw new PatchRefused("the patch has no type");
    default:
      throw new PatchRefused(`the type ${excerpt(JSON.stringify(type))} is not supported`);
  }
}

function applyJsonPatch(state: PatchState, operations: unknown, position: Position): void {
  if (!Array.isArray(operations)) throw new PatchRefused("a JSON patch must be a list of operations");
  for (const [index, operation] of (operations as unknown[]).entries()) {
    position.path = "";
    position.operations++;
    try {
      applyOperation(state, operation, position);
    } catch (error) {
      throw error instanceof PatchRefused ? new PatchRefused(`operation ${index}: ${error.message}`) : error;
    }
  }
}

function applyOperation(state: PatchState, operation: unknown, position: Position): void {
  if (position.operations > PATCH_BOUNDS.operations) {
    throw new PatchRefused(`more than ${PATCH_BOUNDS.operations} operations in all patches`);
  }
  if (!isJsonOperation(operation)) throw new PatchRefused("it must be an object with op and path");
  position.path = excerpt(operation.path);
  const skipped = skippedPart(state, operation);
  if (skipped !== undefined) {
    const { patchIndex } = position;
    state.warnings.push({ kind: "PatchSkipped", patchIndex, path: excerpt(skipped.path), reason: skipped.why });
    return;
  }
  if (operation.path === "") throw new PatchRefused("the document as a whole cannot be changed");
  state.document.applyOperation(operation);
  checkChildren(state);
}

function checkChildren({ document, childLimit: limit }: PatchState): void {
  if (Object.keys(document.root as PatchDocument).length > limit) {
    throw new PatchRefused(`more than ${PATCH_BOUNDS.addedChildren} added objects`);
  }
}

type JsonOperation = JsonObject & { readonly op: string; readonly path: string };

function isJsonOperation(value: unknown): value is JsonOperation {
  return isObject(value) && typeof value["op"] === "string" && typeof value["path"] === "string";
}

/** An operation on what the document of 0.24 had, and this one has not; undefined if it is about something else. */
function skippedPart(
  state: PatchState,
  operation: JsonOperation,
): { readonly path: string; readonly why: string } | undefined {
  if (state.hasProxy) {
    return isOnMissingProbe(state, operation)
      ? { path: operation.path, why: "with a login this container has no such probe" }
      : undefined;
  }
  const path = pathOnProxy(operation);
  return path === undefined ? undefined : { path, why: "a server without OIDC has no proxy container" };
}

function isOnMissingProbe({ document }: PatchState, { op, path, value }: JsonOperation): boolean {
  const [probe] = PROBE.exec(path) ?? [];
  if (probe === undefined || document.has(probe)) return false;
  const isOwn = op === "add" && path === probe && isObject(value);
  return !isOwn || NETWORK_PROBES.some((kind) => Object.hasOwn(value, kind));
}

function pathOnProxy({ path, from }: JsonOperation): string | undefined {
  const paths = [path, ...(typeof from === "string" ? [from] : [])];
  return paths.find((candidate) => candidate === PROXY_CONTAINER || candidate.startsWith(`${PROXY_CONTAINER}/`));
}

/** Maximum length of a client's text in a message. */
const MAX_EXCERPT = 200;

/** A client's text, short enough for a message. */
export function excerpt(text: string): string {
  return text.length <= MAX_EXCERPT ? text : `${text.slice(0, MAX_EXCERPT)}…`;
}
