import { LABELS, type JupyterServer } from "@amalthea/api";
import type { ChildContext } from "./child-context.ts";
import { isObject, objectOf, valueAt, type JsonObject } from "../values/json.ts";
import { OUR_PREFIX } from "./labels.ts";
import type { Problem } from "../facts.ts";
import { groupKind } from "../values/group-kind.ts";
import { OWN_KINDS } from "../live/kinds.ts";

/** @see https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set */
const LABEL_VALUE = /^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;

/**
 * Why a child cannot be made as patches left it; undefined if it can.
 *
 * @param original The child before patches; undefined if a patch added it.
 */
export function childProblem(
  { server, settings }: ChildContext,
  childKey: string,
  child: unknown,
  original: JsonObject | undefined,
): Problem | undefined {
  if (!isObject(child)) return invalid(childKey, "it is no manifest");
  const { apiVersion, kind } = child;
  if (typeof apiVersion !== "string" || typeof kind !== "string")
    return invalid(childKey, "apiVersion or kind is missing");
  const reason = metadataReason(server, childKey, child, original);
  if (reason !== undefined) return invalid(childKey, reason);
  if (original !== undefined) {
    const isSame = apiVersion === original["apiVersion"] && kind === original["kind"];
    return isSame ? undefined : invalid(childKey, "its apiVersion and kind cannot be changed");
  }
  const allowed = [...OWN_KINDS, ...settings.extraChildKinds].find((one) => groupKind(one) === groupKind(child));
  if (allowed === undefined) return { kind: "ChildKindRefused", childKey, apiVersion, childKind: kind };
  // It is watched, and compared with what is live, in one version.
  return allowed.apiVersion === apiVersion
    ? undefined
    : invalid(childKey, `its apiVersion must be ${allowed.apiVersion}`);
}

function metadataReason(
  server: JupyterServer,
  childKey: string,
  child: JsonObject,
  original: JsonObject | undefined,
): string | undefined {
  const metadata = objectOf(child["metadata"]);
  if (!LABEL_VALUE.test(childKey)) return "its key cannot be the value of a label";
  if (metadata["namespace"] !== undefined && metadata["namespace"] !== server.metadata.namespace) {
    return "its namespace is the server's and cannot be another one";
  }
  if (original !== undefined && metadata["name"] !== valueAt(original, "metadata", "name"))
    return "its name cannot be changed";
  if (metadata["ownerReferences"] !== undefined) return "its owner is the server and cannot be changed";
  if (metadata["generateName"] !== undefined) return "it needs a name instead of generateName";
  const reserved = reservedKey(child);
  if (reserved !== undefined) return `${reserved} is set by the controller and cannot be changed`;
  return childKey === "statefulset" ? selectorReason(server, child) : undefined;
}

/** A label or annotation with our prefix, on the child or on the pod it makes. */
function reservedKey(child: JsonObject): string | undefined {
  const podMetadata = valueAt(child, "spec", "template", "metadata");
  const maps = [valueAt(child, "metadata"), podMetadata].flatMap((metadata) => [
    valueAt(metadata, "labels"),
    valueAt(metadata, "annotations"),
  ]);
  // The builders themselves put the server's uid where a selector needs it.
  return maps
    .flatMap((map) => Object.keys(objectOf(map)))
    .find((key) => key.startsWith(OUR_PREFIX) && key !== LABELS.parentUid);
}

/** The pod must stay the one that Service and StatefulSet select. */
function selectorReason(server: JupyterServer, child: JsonObject): string | undefined {
  const labels = valueAt(child, "spec", "template", "metadata", "labels");
  const isSelected =
    valueAt(labels, LABELS.app) === server.metadata.name && valueAt(labels, LABELS.parentUid) === server.metadata.uid;
  return isSelected ? undefined : `the labels ${LABELS.app} and ${LABELS.parentUid} of its pod cannot be changed`;
}

function invalid(childKey: string, reason: string): Problem {
  return { kind: "ChildInvalid", childKey, reason };
}
