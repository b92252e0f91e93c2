import { LABELS, type JupyterServer, OUR_PREFIX } from "@amalthea/api";
import { isObject, objectOf, valueAt, type JsonObject } from "../values/json.ts";

/**
 * What in a child claims to be another server's, or would select another server's pods; undefined if nothing does. Names
 * the field and what to do.
 */
export function identityReason(server: JupyterServer, childKey: string, child: JsonObject): string | undefined {
  for (const { path, metadata } of metadataWithin(child, [])) {
    const isOwnPod = childKey === "statefulset" && path.join(".") === "spec.template.metadata";
    const isOtherPod = path.at(-2) === "template" && !isOwnPod;
    const reason = claimReason(server, metadata) ?? (isOtherPod ? podReason(server, metadata) : undefined);
    if (reason !== undefined) return `${path.join(".")}.${reason}`;
  }
  return selectorReason(server, child);
}

type Found = { readonly path: readonly string[]; readonly metadata: Readonly<JsonObject> };

/** The metadata of a child and of everything it is a template for. */
function* metadataWithin(value: unknown, path: readonly string[]): Generator<Found> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* metadataWithin(item, [...path, String(index)]);
    return;
  }
  for (const [key, part] of Object.entries(objectOf(value))) {
    const partPath = [...path, key];
    if (key === "metadata" && isObject(part)) yield { path: partPath, metadata: part };
    else yield* metadataWithin(part, partPath);
  }
}

function claimReason(server: JupyterServer, metadata: Readonly<JsonObject>): string | undefined {
  const { labels, annotations, finalizers } = metadata;
  if (Array.isArray(finalizers) && finalizers.length > 0) {
    return "finalizers would keep it when its server is deleted; remove them";
  }
  const uid = valueAt(labels, LABELS.parentUid);
  if (uid !== undefined && uid !== server.metadata.uid) {
    return `labels: ${LABELS.parentUid} is set by the controller and cannot name another server; remove it`;
  }
  // The builders themselves put the server's uid where a selector needs it.
  const reserved = [...Object.keys(objectOf(labels)), ...Object.keys(objectOf(annotations))].find(
    (key) => key.startsWith(OUR_PREFIX) && key !== LABELS.parentUid,
  );
  return reserved === undefined
    ? undefined
    : `labels or annotations: ${reserved} is set by the controller and cannot be changed`;
}

/**
 * Pods other than the server's own may have labels that say they belong to it, but must never replace its or another
 * server's.
 */
function podReason(server: JupyterServer, { labels }: Readonly<JsonObject>): string | undefined {
  const { name } = server.metadata;
  if (valueAt(labels, LABELS.parentUid) !== undefined) {
    return `labels: ${LABELS.parentUid} is for the server's own pod; remove it`;
  }
  const app = valueAt(labels, LABELS.app);
  return app === undefined || app === name
    ? undefined
    : `labels: the value of ${LABELS.app} can be another server's name; use ${name} or another label`;
}

/** Where objects of a kind select pods, and what an absent selector means. */
const POD_SELECTORS: ReadonlyMap<unknown, { readonly path: readonly string[]; readonly isOptional: boolean }> = new Map(
  [
    ["Service", { path: ["spec", "selector"], isOptional: true }],
    ["NetworkPolicy", { path: ["spec", "podSelector"], isOptional: false }],
    ["PodDisruptionBudget", { path: ["spec", "selector"], isOptional: true }],
  ],
);

function selectorReason(server: JupyterServer, child: JsonObject): string | undefined {
  const where = POD_SELECTORS.get(child["kind"]);
  if (where === undefined) return undefined;
  const selector = valueAt(child, ...where.path);
  if (where.isOptional && (selector === undefined || selector === null)) return undefined;
  const labels = child["kind"] === "Service" ? selector : valueAt(selector, "matchLabels");
  return selectsOwnPods(server, labels)
    ? undefined
    : `${where.path.join(".")} can select pods of other servers; add the label ${LABELS.app}: ${server.metadata.name} to it`;
}

/** The name is enough: within a namespace no other server's pod can have it as this label. */
function selectsOwnPods({ metadata: { name, uid } }: JupyterServer, labels: unknown): boolean {
  const given = [valueAt(labels, LABELS.app), valueAt(labels, LABELS.parentUid)];
  const own = [name, uid];
  const isContradicted = given.some((value, index) => value !== undefined && value !== own[index]);
  return !isContradicted && given.some((value) => value !== undefined);
}
