import { LABELS, type JupyterServer } from "@amalthea/api";
import type { Problem } from "../facts.ts";
import { OWN_KINDS } from "../live/child.ts";
import { groupKind } from "../values/group-kind.ts";
import { isObject, objectOf, valueAt, type JsonObject } from "../values/json.ts";
import type { ChildContext } from "./child-context.ts";
import { identityReason } from "./child-identity.ts";
import { containersReason } from "./patched-pod.ts";
import { excerpt } from "./patches.ts";
import { workloadSelectorReason } from "./workload-selector.ts";

/** @see https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set */
const LABEL_VALUE = /^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;

/** @see https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names */
const OBJECT_NAME = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/**
 * Why a child cannot be created as patches left it; undefined if it can.
 *
 * @param original The child before patches; undefined if a patch added it.
 */
export function childProblem(
  context: ChildContext,
  childKey: string,
  child: unknown,
  original: JsonObject | undefined,
): Problem | undefined {
  if (!isObject(child)) return invalidChild(childKey, "it is no manifest");
  const { apiVersion, kind } = child;
  if (typeof apiVersion !== "string" || typeof kind !== "string")
    return invalidChild(childKey, "apiVersion or kind is missing");
  const reason = metadataReason(context.server, childKey, child, original);
  if (reason !== undefined) return invalidChild(childKey, reason);
  return (
    kindProblem(context, childKey, { ...child, apiVersion, kind }, original) ?? contentProblem(context, childKey, child)
  );
}

type Kinded = JsonObject & { readonly apiVersion: string; readonly kind: string };

function kindProblem(
  { settings }: ChildContext,
  childKey: string,
  child: Kinded,
  original: JsonObject | undefined,
): Problem | undefined {
  const { apiVersion, kind } = child;
  if (original !== undefined) {
    const isSame = apiVersion === original["apiVersion"] && kind === original["kind"];
    return isSame ? undefined : invalidChild(childKey, "its apiVersion and kind cannot be changed");
  }
  const allowed = [...OWN_KINDS, ...settings.extraChildKinds].find((one) => groupKind(one) === groupKind(child));
  if (allowed === undefined) {
    return { kind: "ChildKindRefused", childKey, apiVersion: excerpt(apiVersion), childKind: excerpt(kind) };
  }
  // It is watched, and compared with what is live, in one version.
  return allowed.apiVersion === apiVersion
    ? undefined
    : invalidChild(childKey, `its apiVersion must be ${allowed.apiVersion}`);
}

function contentProblem({ server }: ChildContext, childKey: string, child: JsonObject): Problem | undefined {
  const podReason =
    childKey === "statefulset" ? (ownPodReason(server, child) ?? containersReason(server, child)) : undefined;
  const reason = podReason ?? identityReason(server, childKey, child) ?? workloadSelectorReason(child);
  return reason === undefined ? undefined : invalidChild(childKey, reason);
}

function metadataReason(
  server: JupyterServer,
  childKey: string,
  child: JsonObject,
  original: JsonObject | undefined,
): string | undefined {
  const metadata = objectOf(child["metadata"]);
  if (!LABEL_VALUE.test(childKey)) return "its key cannot be the value of a label";
  const { name, namespace } = metadata;
  if (namespace !== undefined && namespace !== server.metadata.namespace) {
    return "its namespace must be the server's";
  }
  if (original !== undefined && name !== valueAt(original, "metadata", "name")) return "its name cannot be changed";
  if (name !== undefined && (typeof name !== "string" || !OBJECT_NAME.test(name))) {
    return 'its name must consist of a-z, 0-9, "-" and ".", such as data-1.example';
  }
  if (metadata["ownerReferences"] !== undefined) return "its owner is the server and cannot be changed";
  if (metadata["generateName"] !== undefined) return "it needs a name instead of generateName";
  return undefined;
}

/** The pod must stay the one that Service and StatefulSet select. */
function ownPodReason(server: JupyterServer, child: JsonObject): string | undefined {
  const labels = valueAt(child, "spec", "template", "metadata", "labels");
  const isSelected =
    valueAt(labels, LABELS.app) === server.metadata.name && valueAt(labels, LABELS.parentUid) === server.metadata.uid;
  return isSelected ? undefined : `the labels ${LABELS.app} and ${LABELS.parentUid} of its pod cannot be changed`;
}

/** A child cannot be created. */
export function invalidChild(childKey: string, reason: string): Problem {
  return { kind: "ChildInvalid", childKey: excerpt(childKey), reason };
}
