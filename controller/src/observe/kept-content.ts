import { LABELS } from "@amalthea/api";
import type { KubeObject, Live } from "@amalthea/kube";
import type { Event as CoreEvent, Pod } from "kubernetes-types/core/v1.js";
import { controllerOf, controllingServer } from "./owner.ts";

/** Characters that are kept of an Event's message, as many as the newer API allows. */
const EVENT_MESSAGE_LIMIT = 1_024;

/** Clusters have many Events, most of them not about us: keeps what is read of each. */
export function eventContent(event: Live<CoreEvent>): Live<CoreEvent> {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = event.metadata;
  return {
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    involvedObject: { kind: event.involvedObject.kind, uid: event.involvedObject.uid },
    reason: event.reason,
    message: event.message?.slice(0, EVENT_MESSAGE_LIMIT),
    lastTimestamp: event.series?.lastObservedTime ?? event.lastTimestamp ?? event.eventTime ?? creationTimestamp,
  } as Live<CoreEvent>; // exactOptionalPropertyTypes: fields that are undefined are no less absent to their readers
}

/** Anybody can put our label on an object of his: of one that is no child, and no claim that was kept, only this is read. */
export function childContent(object: Live): Live {
  const isClaim = object.metadata.labels?.[LABELS.childKey] === "pvc";
  return controllingServer(object) !== undefined || isClaim ? object : metadataOnly(object);
}

/** A server's pod is a StatefulSet's. */
export function podContent(pod: Live<Pod>): Live<Pod> {
  return controllerOf(pod)?.kind === "StatefulSet" ? pod : metadataOnly(pod);
}

function metadataOnly<T extends KubeObject>({ apiVersion, kind, metadata }: Live<T>): Live<T> {
  const { name, namespace, uid, resourceVersion, creationTimestamp, ownerReferences, labels = {} } = metadata;
  const ofServer = Object.fromEntries(Object.entries(labels).filter(([label]) => label === LABELS.parentUid));
  const kept = { name, namespace, uid, resourceVersion, creationTimestamp, ownerReferences, labels: ofServer };
  return { apiVersion, kind, metadata: kept } as Live<T>; // every other field of an object is optional
}
