import type { JupyterServer, Patch } from "@amalthea/api";
import type { Problem } from "../facts.ts";
import { checkDepth, PatchRefused } from "../patch/bounds.ts";
import { Meter } from "../patch/meter.ts";
import { isObject, objectOf } from "../values/json.ts";
import { hasTooManyLabels, MAX_LABELS } from "./labels.ts";

/** What in a server exceeds the bounds of everything derived from it. */
export function boundsProblem(server: JupyterServer): Problem | undefined {
  if (!hasTooManyLabels(server)) return specBoundsProblem(server.spec);
  return { kind: "InvalidSpec", field: "metadata.labels", message: `there are more than ${MAX_LABELS}; remove some` };
}

/**
 * What in a spec nothing may walk: fields that are nested too deeply, together too large, or have reserved keys. The CRD
 * lets some fields be any JSON.
 */
function specBoundsProblem({ patches, ...spec }: JupyterServer["spec"]): Problem | undefined {
  const meter = new Meter();
  for (const [section, fields] of Object.entries(spec)) {
    for (const [name, value] of Object.entries(objectOf(fields))) {
      const reason = messageOfRefusal(() => meter.copy(value, 0));
      if (reason !== undefined) return { kind: "InvalidSpec", field: `${section}.${name}`, message: reason };
    }
  }
  return patchesProblem(patches);
}

/** Their size and keys are counted when they are applied, but not every part of them is. */
function patchesProblem(patches: readonly Patch[]): Problem | undefined {
  for (const [patchIndex, { patch }] of patches.entries()) {
    const reason = messageOfRefusal(() => walk(patch, 0));
    if (reason !== undefined) return { kind: "PatchFailed", patchIndex, path: "", reason };
  }
  return undefined;
}

function walk(value: unknown, depth: number): void {
  const parts = isObject(value) ? Object.values(value) : value;
  if (!Array.isArray(parts)) return;
  checkDepth(depth + 1);
  for (const part of parts) walk(part, depth + 1);
}

function messageOfRefusal(look: () => void): string | undefined {
  try {
    look();
    return undefined;
  } catch (error) {
    if (error instanceof PatchRefused) return error.message;
    throw error;
  }
}
