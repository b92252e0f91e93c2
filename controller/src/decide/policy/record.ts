import type { Observed } from "../live/observed.ts";
import { toleratedViolations } from "./child-policy.ts";
import type { PolicySettings } from "./policy-settings.ts";

/**
 * The violations that a server may keep: those of its children when it was first checked against rules. The record is in
 * the status, which users who may write servers cannot write; an annotation on the StatefulSet could be written by those
 * who may write StatefulSets. Undefined while the administrator's word is strict, unless there is a record already.
 */
export function recordedViolations(observed: Observed, settings: PolicySettings): readonly string[] | undefined {
  const { server, children, namespacePolicy: namespace } = observed;
  return server.status?.toleratedViolations ?? toleratedViolations(children, { settings, namespace });
}
