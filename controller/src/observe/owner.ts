import { GROUP, KIND, LABELS } from "@amalthea/api";
import type { KubeObject } from "@amalthea/kube";
import { controllerOf } from "../decide/values/controller.ts";

/** uid of the server that controls the object, or undefined if something else does, or nothing. */
export function controllingServer(object: KubeObject): string | undefined {
  const owner = controllerOf(object);
  return owner?.kind === KIND && owner.apiVersion.startsWith(`${GROUP}/`) ? owner.uid : undefined;
}

/**
 * uids of the servers whose state the object may tell about: the one that controls it, and the one that its label names
 * (a pod is controlled by its StatefulSet, a retained claim by nobody).
 */
export function parentUids(object: KubeObject): readonly string[] {
  const uids = [controllingServer(object), object.metadata?.labels?.[LABELS.parentUid]];
  return [...new Set(uids.filter((uid) => uid !== undefined))];
}

/**
 * A uid as objects of this object's namespace name it. Labels, owner references and Events may carry any uid: those of
 * another namespace are ignored.
 */
export function inNamespaceOf(
  { metadata }: { readonly metadata?: { readonly namespace?: string } },
  uid: string,
): string {
  return `${metadata?.namespace ?? ""}/${uid}`;
}
