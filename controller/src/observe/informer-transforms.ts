import { type JupyterServer, LABELS } from "@amalthea/api";
import type { KubeObject, Live, LiveMetadata } from "@amalthea/kube";
import type { Event as CoreEvent, Pod } from "kubernetes-types/core/v1.js";
import { objectOf, valueAt } from "../decide/values/json.ts";
import { controllerOf } from "../decide/values/controller.ts";
import { controllingServer } from "./owner.ts";

/** Characters that are kept of an Event's message, and of its other texts: as many as the newer API allows. */
const EVENT_MESSAGE_LIMIT = 1_024;
const EVENT_TEXT_LIMIT = 128;

/** What every store and reader needs of an object's metadata. */
export function identityOf({
  name,
  namespace,
  uid,
  resourceVersion,
  creationTimestamp,
}: Live["metadata"]): LiveMetadata {
  return { name, uid, resourceVersion, creationTimestamp, ...(namespace === undefined ? {} : { namespace }) };
}

/** Clusters have many Events, most of them not about us: keeps what is read of each. */
export function eventContent(event: Live<CoreEvent>): Live<CoreEvent> {
  return {
    metadata: identityOf(event.metadata),
    involvedObject: { kind: shortened(event.involvedObject.kind), uid: shortened(event.involvedObject.uid) },
    reason: shortened(event.reason),
    message: event.message?.slice(0, EVENT_MESSAGE_LIMIT),
    lastTimestamp:
      event.series?.lastObservedTime ?? event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp,
  } as Live<CoreEvent>; // exactOptionalPropertyTypes: fields that are undefined are no less absent to their readers
}

function shortened(text: string | undefined): string | undefined {
  return text?.slice(0, EVENT_TEXT_LIMIT);
}

/** Of a server's `managedFields`, only the first manager that applies `hibernated` is read: there may be thousands. */
export function serverContent(server: Live): Live {
  const { managedFields = [], ...metadata } = server.metadata;
  const applier = managedFields.find(
    ({ operation, fieldsV1 }) =>
      operation === "Apply" && valueAt(fieldsV1, "f:spec", "f:jupyterServer", "f:hibernated") !== undefined,
  );
  if (applier === undefined) return { ...server, metadata };
  const { manager = "", operation = "" } = applier;
  return { ...server, metadata: { ...metadata, managedFields: [{ manager, operation }] } };
}

/** Field manager that applies `spec.jupyterServer.hibernated` of a server in the cache; undefined without one. */
export function hibernatedAppliedBy(server: Live | undefined): string | undefined {
  return server?.metadata.managedFields?.[0]?.manager;
}

/** Anybody can put our label on an object: of one that is neither a child nor a retained claim, only this is read. */
export function childContent(object: Live): Live {
  const isClaim = object.metadata.labels?.[LABELS.childKey] === "pvc";
  return controllingServer(object) !== undefined || isClaim ? object : metadataOnly(object);
}

/** A server's pod is a StatefulSet's. */
export function podContent(pod: Live<Pod>): Live<Pod> {
  return controllerOf(pod)?.kind === "StatefulSet" ? pod : metadataOnly(pod);
}

function metadataOnly<T extends KubeObject>({ apiVersion, kind, metadata }: Live<T>): Live<T> {
  const ofServer = Object.entries(metadata.labels ?? {}).filter(([label]) => label === LABELS.parentUid);
  const kept = { ...identityOf(metadata), labels: Object.fromEntries(ofServer) };
  return { apiVersion, kind, metadata: kept } as Live<T>; // every other field of an object is optional
}

/** Up to this memory a server is kept as a whole: the session that a real client of 0.24 creates takes about 44,000. */
const LARGE_SERVER = 49_152;

/**
 * Memory of values in V8's heap, in bytes, measured with thousands of objects. A key takes much when it is first seen
 * (its text, and a hidden class) and little after that.
 */
const BYTES = { container: 60, text: 24, otherValue: 24, newKey: 112, knownKey: 16 } as const;

/** A text with one such character has two bytes for each. */
const WIDE = /[^\0-\xff]/;

/**
 * The part of a server by which it is found and routes are compared; undefined if all of it is kept. A spec may have
 * 1.5 MiB, and anyone who may create servers must not fill our memory with them: a large one is read again when it is
 * reconciled.
 */
export function outlineOf(object: Live): Live | undefined {
  const { apiVersion, kind, spec, status } = object as unknown as JupyterServer; // of the CRD
  // Everything in metadata that a user can make long.
  const { labels, annotations, finalizers, ownerReferences, ...identity } = object.metadata;
  if (!isLarger([labels, annotations, finalizers, ownerReferences, spec], LARGE_SERVER)) return undefined;
  const { host, path, tls, externalUrl } = objectOf(objectOf(spec)["routing"]);
  const routing = { host, path, tls, externalUrl };
  return { apiVersion, kind, metadata: identity, spec: { routing }, status } as unknown as Live; // marked as an outline
}

/** Whether a value takes more memory than this; without recursion, for it may be nested as deeply as JSON can be. */
function isLarger(value: unknown, most: number): boolean {
  const waiting: unknown[] = [value];
  const keys = new Set<string>();
  let size = 0;
  while (waiting.length > 0 && size <= most) {
    const one = waiting.pop();
    size += ownBytes(one);
    if (typeof one !== "object" || one === null) continue;
    for (const [key, part] of Object.entries(one)) {
      if (!Array.isArray(one)) size += keys.has(key) ? BYTES.knownKey : BYTES.newKey + key.length;
      keys.add(key);
      waiting.push(part);
    }
  }
  return size > most;
}

function ownBytes(value: unknown): number {
  if (typeof value === "string") return BYTES.text + (WIDE.test(value) ? 2 : 1) * value.length;
  return typeof value === "object" && value !== null ? BYTES.container : BYTES.otherValue;
}
