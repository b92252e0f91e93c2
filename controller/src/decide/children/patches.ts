import type { Patch } from "@amalthea/api";
import { applyPatch, type Operation } from "rfc6902";
import { copyOf, isObject, type JsonObject } from "../values/json.ts";
import type { PatchDocument } from "./patch-document.ts";
import type { Problem, Warning } from "../facts.ts";

/** The document after all patches, or the first thing that failed. */
export type PatchResult =
  | { readonly kind: "Patched"; readonly document: PatchDocument; readonly warnings: readonly Warning[] }
  | { readonly kind: "Failed"; readonly problem: Problem; readonly warnings: readonly Warning[] };

/** Where clients' patches find the predecessor's proxy, which in token mode does not exist any more. */
const PROXY_CONTAINER = "/statefulset/spec/template/spec/containers/1";

/**
 * Applies patches in their order, each to the result of the one before.
 *
 * @param document Is not changed.
 * @param hasProxy Whether the second container is a proxy. Without it, operations on it are skipped with a warning, so that
 *   clients which always send them keep working.
 */
export function applyPatches(document: PatchDocument, patches: readonly Patch[], hasProxy: boolean): PatchResult {
  const state: PatchState = { document: copyOf(document), warnings: [] };
  for (const [patchIndex, patch] of patches.entries()) {
    const problem = applyOne(state, patch, patchIndex, hasProxy);
    if (problem !== undefined) return { kind: "Failed", problem, warnings: state.warnings };
  }
  return { kind: "Patched", document: state.document, warnings: state.warnings };
}

/** Grows while patches are applied, and only then. */
type PatchState = { document: PatchDocument; readonly warnings: Warning[] };

function applyOne(state: PatchState, patch: Patch, patchIndex: number, hasProxy: boolean): Problem | undefined {
  switch (patch.type) {
    case "application/json-patch+json":
      return applyJsonPatch(state, patch.patch, patchIndex, hasProxy);
    case "application/merge-patch+json": {
      if (!isObject(patch.patch)) return failure(patchIndex, "", "a merge patch must be an object");
      state.document = mergePatch(state.document, patch.patch) as PatchDocument; // both are objects
      return undefined;
    }
    case undefined:
      return failure(patchIndex, "", "the patch has no type");
    default:
      return failure(patchIndex, "", `the type ${JSON.stringify(patch.type)} is not supported`);
  }
}

function applyJsonPatch(
  state: PatchState,
  operations: unknown,
  patchIndex: number,
  hasProxy: boolean,
): Problem | undefined {
  if (!Array.isArray(operations)) return failure(patchIndex, "", "a JSON patch must be a list of operations");
  for (const operation of operations as unknown[]) {
    if (!isOperation(operation)) return failure(patchIndex, "", "an operation must be an object with op and path");
    const proxyPath = hasProxy ? undefined : pathOnProxy(operation);
    if (proxyPath !== undefined) {
      const reason = "a server without OIDC has no proxy container";
      state.warnings.push({ kind: "PatchSkipped", patchIndex, path: proxyPath, reason });
      continue;
    }
    const reason = applyOperation(state.document, operation);
    if (reason !== undefined) return failure(patchIndex, operation.path, reason);
  }
  return undefined;
}

type JsonOperation = { readonly op: string; readonly path: string; readonly from?: unknown };

function isOperation(value: unknown): value is JsonOperation {
  return isObject(value) && typeof value["op"] === "string" && typeof value["path"] === "string";
}

function pathOnProxy({ path, from }: JsonOperation): string | undefined {
  const paths = [path, ...(typeof from === "string" ? [from] : [])];
  return paths.find((candidate) => candidate === PROXY_CONTAINER || candidate.startsWith(`${PROXY_CONTAINER}/`));
}

/** @returns why the operation failed. */
function applyOperation(document: PatchDocument, operation: JsonOperation): string | undefined {
  if (operation.path === "") return "the document as a whole cannot be changed";
  try {
    const [error] = applyPatch(document, [operation as Operation]); // the library checks the rest of its shape
    return error === null || error === undefined ? undefined : reasonOf(error.name, operation);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The library's messages quote whole values, which can be long or secret. */
function reasonOf(errorName: string, { op, from }: JsonOperation): string {
  switch (errorName) {
    case "MissingError":
      return op === "move" || op === "copy"
        ? `the path, or ${JSON.stringify(from)}, does not exist`
        : "the path does not exist";
    case "TestError":
      return "the test failed: the value is another one";
    default:
      return `the operation ${JSON.stringify(op)} is not complete or not known`;
  }
}

function failure(patchIndex: number, path: string, reason: string): Problem {
  return { kind: "PatchFailed", patchIndex, path, reason };
}

/**
 * RFC 7386: null removes, objects merge, anything else replaces.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7386#section-2
 */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return copyOf(patch);
  const result: JsonObject = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}
