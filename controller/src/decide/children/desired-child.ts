import { ANNOTATIONS, childName, LABELS, type JupyterServer } from "@amalthea/api";
import type { Manifest } from "../decision.ts";
import { startedWithAnnotation, type StartedWith } from "../live/started-with.ts";
import { contentHash } from "../values/hash.ts";
import { objectOf, texts, valueAt, type JsonObject } from "../values/json.ts";
import type { ChildContext } from "./child-context.ts";
import { labelsOf, ownerOf, withoutToolLabels } from "./labels.ts";
import { MAIN_POD_LABELS } from "./pod-template.ts";
import { yieldsOf, type Yields } from "./yielding-fields.ts";

/** The desired state of a child, complete with labels, owner and hash. */
export type DesiredChild = {
  readonly childKey: string;
  readonly manifest: Manifest;
  /** Hash of the manifest as patches left it, which is also its annotation `amalthea.dev/desired-hash`. */
  readonly desiredHash: string;
  /** What yields to later writes by others, as patches left it; undefined if nothing does. */
  readonly yields?: Yields;
};

/** What metadata is made from. */
export type Owner = Pick<ChildContext, "server" | "settings">;

/** A child, as patches left it, with the metadata that each has. */
export function desiredChild(
  context: ChildContext,
  childKey: string,
  child: JsonObject,
  { started, original }: { readonly started: StartedWith; readonly original: JsonObject | undefined },
): DesiredChild {
  const complete = childKey === "statefulset" ? withPodMetadata(context, child, started) : child;
  const unmarked = withIngressClass(withMetadata(context, childKey, complete, isOwned(context.server, childKey)));
  const yields = yieldsOf(child, original);
  const manifest =
    yields === undefined ? unmarked : withAnnotation(unmarked, ANNOTATIONS.patchedHash, yields.patchedHash);
  const desiredHash = contentHash(manifest);
  return {
    ...{ childKey, desiredHash, ...(yields === undefined ? {} : { yields }) },
    manifest: withAnnotation(manifest, ANNOTATIONS.desiredHash, desiredHash),
  };
}

/** A retained claim must not be deleted with its server, so it has no owner. */
function isOwned(server: JupyterServer, childKey: string): boolean {
  return childKey !== "pvc" || server.spec.storage.pvc.retentionPolicy === "Delete";
}

export function withMetadata(
  { server, settings }: Owner,
  childKey: string,
  child: JsonObject,
  isOwnedChild: boolean,
): Manifest {
  const { labels, annotations, name: _name, namespace: _ours, ...metadata } = objectOf(child["metadata"]);
  const { apiVersion, kind, metadata: _metadata, ...rest } = child;
  const complete = { ...labelsOf(server, settings, texts(labels)), [LABELS.childKey]: childKey };
  return {
    apiVersion: String(apiVersion),
    kind: String(kind),
    metadata: {
      name: nameOf(server, childKey, child),
      namespace: server.metadata.namespace,
      labels: isOwnedChild ? complete : withoutToolLabels(complete),
      annotations: texts(annotations),
      ...(isOwnedChild ? { ownerReferences: [ownerOf(server)] } : {}),
      ...metadata,
    },
    ...rest,
  };
}

/** A child that a patch added without a name gets its key as its name. */
export function nameOf(server: JupyterServer, childKey: string, child: JsonObject): string {
  const name = valueAt(child, "metadata", "name");
  return typeof name === "string" ? name : `${childName(server)}-${childKey.toLowerCase()}`;
}

/** Marks an Ingress whose class was requested: the live object does not distinguish it from the cluster's default. */
function withIngressClass(manifest: Manifest): Manifest {
  const ingressClass = manifest.kind === "Ingress" ? valueAt(manifest["spec"], "ingressClassName") : undefined;
  if (typeof ingressClass !== "string") return manifest;
  return withAnnotation(manifest, ANNOTATIONS.ingressClass, ingressClass);
}

/** The manifest as it was hashed. */
export function withoutHash(manifest: Manifest): Manifest {
  const { [ANNOTATIONS.desiredHash]: _hash, ...annotations } = manifest.metadata.annotations ?? {};
  return { ...manifest, metadata: { ...manifest.metadata, annotations } };
}

export function withAnnotation(manifest: Manifest, name: string, value: string): Manifest {
  const { metadata } = manifest;
  return { ...manifest, metadata: { ...metadata, annotations: { ...metadata.annotations, [name]: value } } };
}

function withPodMetadata(
  { server, settings }: ChildContext,
  statefulSet: JsonObject,
  started: StartedWith,
): JsonObject {
  const spec = objectOf(statefulSet["spec"]);
  const template = objectOf(spec["template"]);
  const metadata = objectOf(template["metadata"]);
  const restartedAt = server.metadata.annotations?.[ANNOTATIONS.restartedAt];
  const podMetadata = {
    ...metadata,
    labels: { ...labelsOf(server, settings, texts(metadata["labels"])), ...MAIN_POD_LABELS },
    annotations: {
      ...texts(metadata["annotations"]),
      [ANNOTATIONS.startedWith]: startedWithAnnotation(started),
      ...(restartedAt === undefined ? {} : { [ANNOTATIONS.restartedAt]: restartedAt }),
    },
  };
  return { ...statefulSet, spec: { ...spec, template: { ...template, metadata: podMetadata } } };
}
