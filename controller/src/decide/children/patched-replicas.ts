import { objectOf, type JsonObject } from "../values/json.ts";
import type { Warning } from "../facts.ts";
import type { ChildContext } from "./child-context.ts";
import { desiredReplicas } from "./stateful-set.ts";

/**
 * The patched StatefulSet with the replicas that the server is to have, whatever patches say: more pods would share one
 * volume, and a server whose pod runs would be called hibernated.
 */
export function withOwnReplicas(context: ChildContext, statefulSet: JsonObject): JsonObject {
  return { ...statefulSet, spec: { ...objectOf(statefulSet["spec"]), replicas: desiredReplicas(context) } };
}

/** @param patchIndex The patch that asks for another number of pods. */
export function replicasWarning(patchIndex: number): Warning {
  const reason = "the number of pods follows spec.jupyterServer.hibernated alone";
  return { kind: "PatchSkipped", patchIndex, path: "/statefulset/spec/replicas", reason };
}
