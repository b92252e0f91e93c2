import { ANNOTATIONS, childName, CONTAINERS, LABELS, type JupyterServer } from "@amalthea/api";
import type { ChildContext } from "./child-context.ts";
import { isOidc } from "./child-context.ts";
import { patchDocument, type PatchDocument } from "./patch-document.ts";
import { MAIN_POD_LABELS } from "./pod-template.ts";
import { ENCODINGS, secret } from "./secret.ts";
import { completeAccessChain } from "./sidecars/access-chain.ts";
import type { GeneratedKey, Manifest, SecretManifest } from "../decision.ts";
import { contentHash } from "../values/hash.ts";
import { isObject, objectOf, valueAt, type JsonObject } from "../values/json.ts";
import { labelsOf, ownerOf } from "./labels.ts";
import { applyPatches } from "./patches.ts";
import { childProblem } from "./patched-child.ts";
import { withOwnReplicas } from "./patched-replicas.ts";
import type { Problem, Warning } from "../facts.ts";
import type { ServerRoutes } from "./child-context.ts";
import type { DecisionSettings } from "../settings.ts";
import { specProblems } from "./spec-problems.ts";
import {
  resourcesOf,
  startedWith,
  startedWithAnnotation,
  withRouteOf,
  type StartedWith,
} from "../live/started-with.ts";

/** A child as it should be, complete with labels, owner and hash. */
export type DesiredChild = {
  readonly childKey: string;
  readonly manifest: Manifest;
  /** Hash of the manifest, which is also its annotation `amalthea.dev/desired-hash`. */
  readonly desiredHash: string;
};

export type Desired =
  | {
      readonly kind: "Rendered";
      /** Without Secrets. */
      readonly children: readonly DesiredChild[];
      /** The server's own Secret last; patches may add others. All carry the same `contentHash`. */
      readonly secrets: readonly SecretManifest[];
      /** Keys of children that cannot be made as patched; what is live under them stays. */
      readonly refusedKeys: readonly string[];
      readonly startedWith: StartedWith;
      /** Hash of who may enter; undefined in token mode. */
      readonly accessPolicyHash: string | undefined;
      readonly problems: readonly Problem[];
      readonly warnings: readonly Warning[];
    }
  /** Nothing can be said about the children: what is live stays, and can be scaled. */
  | {
      readonly kind: "Unrenderable";
      readonly problems: readonly Problem[];
      readonly warnings: readonly Warning[];
      /** The server's own, without patches: a pod that is scaled up must not find somebody else's, or none. */
      readonly secrets: readonly SecretManifest[];
    };

/** What the children depend on beside the spec. */
export type DesiredInput = Omit<ServerRoutes, "isMoveRefused"> & {
  /** The server was created under 0.24, which accepted more than we do. */
  readonly isLegacy?: boolean;
};

/** The children that a server should have. */
export function desiredChildren(
  server: JupyterServer,
  settings: DecisionSettings,
  { wanted, served, kept, isLegacy = false }: DesiredInput,
): Desired {
  const invalid = specProblems(server, wanted, isLegacy);
  if (invalid.length > 0 || wanted === undefined) return unrenderable({ server, settings }, invalid, []);
  const context = { server, settings, route: kept?.route ?? wanted, servedRoute: served ?? wanted, kept };
  const base = patchDocument(context);
  const patched = applyPatches(base, server.spec.patches, isOidc(server));
  if (patched.kind === "Failed") {
    return unrenderable(context, [patched.problem], patched.warnings);
  }
  return render(context, base, patched.document, patched.warnings);
}

/** What metadata is made from. */
type Owner = Pick<ChildContext, "server" | "settings">;

function unrenderable(owner: Owner, problems: readonly Problem[], warnings: readonly Warning[]): Desired {
  const secrets = secretManifests(owner, [["secret", secret(owner)]]);
  return { kind: "Unrenderable", problems, warnings, secrets: secrets.map((one) => ({ ...one, isOnlyMade: true })) };
}

function render(
  context: ChildContext & Pick<ServerRoutes, "kept">,
  base: PatchDocument,
  document: PatchDocument,
  patchWarnings: readonly Warning[],
): Desired {
  const problems = new Map<string, Problem>();
  if (!("statefulset" in document)) {
    problems.set("statefulset", {
      kind: "ChildInvalid",
      childKey: "statefulset",
      reason: "the StatefulSet cannot be dropped",
    });
  }
  for (const [key, child] of Object.entries(document)) {
    const problem = childProblem(context, key, child, base[key]);
    if (problem !== undefined) problems.set(key, problem);
  }
  if (problems.has("statefulset")) {
    return unrenderable(context, [...problems.values()], patchWarnings);
  }
  const chain = completeAccessChain(context, document["statefulset"] ?? {}, document["configmap"]);
  if (chain.kind === "Refused") {
    const problem = { kind: "ChildInvalid", childKey: "statefulset", reason: chain.reason } as const;
    return unrenderable(context, [...problems.values(), problem], patchWarnings);
  }
  const wanted = startedWith(context.server, context.route, containerResources(document));
  const started = context.kept === undefined ? wanted : withRouteOf(wanted, context.kept);
  const own = withOwnReplicas(context, base, chain.statefulSet);
  const complete: PatchDocument = { ...document, statefulset: own.statefulSet };
  const entries = Object.entries(complete).filter(([key]) => !problems.has(key));
  const isSecret = ([, child]: [string, JsonObject]): boolean => child["kind"] === "Secret";
  return {
    kind: "Rendered",
    children: entries
      .filter((entry) => !isSecret(entry))
      .map(([key, child]) => desiredChild(context, key, child, started)),
    secrets: secretManifests(context, entries.filter(isSecret)),
    refusedKeys: [...problems.keys()],
    startedWith: started,
    accessPolicyHash: chain.accessPolicyHash,
    problems: [...problems.values()],
    warnings: [...patchWarnings, ...own.warnings, ...chain.warnings],
  };
}

function containerResources(document: PatchDocument): Readonly<JsonObject> {
  return resourcesOf(valueAt(document["statefulset"], "spec", "template", "spec"), CONTAINERS.jupyter);
}

function desiredChild(context: ChildContext, childKey: string, child: JsonObject, started: StartedWith): DesiredChild {
  const complete = childKey === "statefulset" ? withPodMetadata(context, child, started) : child;
  const manifest = withIngressClass(withMetadata(context, childKey, complete, isOwned(context.server, childKey)));
  const desiredHash = contentHash(manifest);
  return { childKey, desiredHash, manifest: withAnnotation(manifest, ANNOTATIONS.desiredHash, desiredHash) };
}

/** A retained claim must not be deleted with its server, so it has no owner. */
function isOwned(server: JupyterServer, childKey: string): boolean {
  return childKey !== "pvc" || server.spec.storage.pvc.retentionPolicy === "Delete";
}

function withMetadata(
  { server, settings }: Owner,
  childKey: string,
  child: JsonObject,
  isOwnedChild: boolean,
): Manifest {
  const { labels, annotations, name, namespace: _ours, ...metadata } = objectOf(child["metadata"]);
  const { apiVersion, kind, metadata: _metadata, ...rest } = child;
  return {
    apiVersion: String(apiVersion),
    kind: String(kind),
    metadata: {
      name: typeof name === "string" ? name : extraChildName(server, childKey),
      namespace: server.metadata.namespace,
      labels: { ...labelsOf(server, settings, texts(labels)), [LABELS.childKey]: childKey },
      annotations: texts(annotations),
      ...(isOwnedChild ? { ownerReferences: [ownerOf(server)] } : {}),
      ...metadata,
    },
    ...rest,
  };
}

/** Name of a child that a patch added without one. */
function extraChildName(server: JupyterServer, childKey: string): string {
  return `${childName(server)}-${childKey.toLowerCase()}`;
}

/** Marks an Ingress whose class was asked for: the live object does not tell it from the cluster's default. */
function withIngressClass(manifest: Manifest): Manifest {
  const ingressClass = manifest.kind === "Ingress" ? valueAt(manifest["spec"], "ingressClassName") : undefined;
  if (typeof ingressClass !== "string") return manifest;
  return withAnnotation(manifest, ANNOTATIONS.ingressClass, ingressClass);
}

function withAnnotation(manifest: Manifest, name: string, value: string): Manifest {
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

function texts(value: unknown): Readonly<Record<string, string>> {
  const entries = Object.entries(objectOf(value)).filter(
    (entry): entry is [string, string] => typeof entry[1] === "string",
  );
  return Object.fromEntries(entries);
}

/**
 * One hash for all Secrets of the server: they are not watched, so they are looked at, and written, together.
 */
function secretManifests(context: Owner, secrets: readonly [string, JsonObject][]): readonly SecretManifest[] {
  const hash = contentHash(secrets.map(([key, { data, stringData }]) => [key, data, stringData]));
  return secrets
    .toSorted(([a], [b]) => Number(a === "secret") - Number(b === "secret"))
    .map(([key, child]) => secretManifest(context, key, child, hash));
}

function secretManifest(context: Owner, childKey: string, child: JsonObject, hash: string): SecretManifest {
  const { data, stringData, ...rest } = child;
  const given = texts(stringData);
  const encoded = texts(data);
  const generated = Object.entries(objectOf(data))
    .filter(([key, value]) => value === null && !(key in given))
    .map(([key]): GeneratedKey => ({ key, encoding: ENCODINGS[key] ?? "hex" }));
  const body = Object.keys(encoded).length === 0 ? rest : { ...rest, data: encoded };
  const manifest = withMetadata(context, childKey, body, true);
  return { manifest: withAnnotation(manifest, ANNOTATIONS.contentHash, hash), given, generated, contentHash: hash };
}

/** Keys that the server's own Secret must have for the pod to start. */
export function requiredSecretKeys({ given, generated, manifest }: SecretManifest): readonly string[] {
  const data = isObject(manifest["data"]) ? Object.keys(manifest["data"]) : [];
  return [...Object.keys(given), ...generated.map(({ key }) => key), ...data];
}

/** Whether a Secret is the server's own, rather than one that a patch added. */
export function isOwnSecret({ manifest }: SecretManifest): boolean {
  return manifest.metadata.labels[LABELS.childKey] === "secret";
}
