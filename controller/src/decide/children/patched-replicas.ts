import { isOidc, type ChildContext } from "./child-context.ts";
import type { PatchDocument } from "./patch-document.ts";
import { desiredReplicas } from "./stateful-set.ts";
import { objectOf, valueAt, type JsonObject } from "../values/json.ts";
import { applyPatches } from "./patches.ts";
import type { Warning } from "../facts.ts";

export type OwnReplicas = { readonly statefulSet: JsonObject; readonly warnings: readonly Warning[] };

/**
 * The patched StatefulSet with the replicas that the server is to have, whatever patches say: more pods would share one
 * volume, and a server whose pod runs would be called hibernated.
 *
 * @param base The document before patches, to tell which of them asked for something else.
 */
export function withOwnReplicas(context: ChildContext, base: PatchDocument, statefulSet: JsonObject): OwnReplicas {
  const wanted = desiredReplicas(context);
  const own = { ...statefulSet, spec: { ...objectOf(statefulSet["spec"]), replicas: wanted } };
  if (valueAt(statefulSet, "spec", "replicas") === wanted) return { statefulSet: own, warnings: [] };
  const { patches } = context.server.spec;
  const patchIndex = patches.findIndex((_patch, index) => {
    const patched = applyPatches(base, patches.slice(0, index + 1), isOidc(context.server));
    return patched.kind === "Patched" && valueAt(patched.document["statefulset"], "spec", "replicas") !== wanted;
  });
  const reason = "the number of pods follows spec.jupyterServer.hibernated alone";
  return {
    statefulSet: own,
    warnings: [{ kind: "PatchSkipped", patchIndex, path: "/statefulset/spec/replicas", reason }],
  };
}
