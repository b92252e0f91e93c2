import { ANNOTATIONS, childName, CONTAINERS, LABELS, type JupyterServer } from "@amalthea/api";
import type { ChildContext } from "./child-context.ts";
import { isOidc } from "./child-context.ts";
import { patchDocument, type PatchDocument } from "./patch-document.ts";
import { MAIN_POD_LABELS } from "./pod-template.ts";
import { ENCODINGS, secret } from "./secret.ts";
import { completeAccessChain } from "./sidecars/access-chain.ts";
import type { EffectiveServer } from "../effective-server.ts";
import type { GeneratedKey, Manifest, SecretManifest } from "../decision.ts";
import { groupKind } from "../values/group-kind.ts";
import { contentHash } from "../values/hash.ts";
import { isObject, objectOf, ownValue, valueAt, type JsonObject } from "../values/json.ts";
import { labelsOf, ownerOf, withoutToolLabels } from "./labels.ts";
import { applyPatches } from "./patches.ts";
import { conformedChild } from "./conformed-child.ts";
import { childProblem } from "./patched-child.ts";
import { withOwnPort } from "./patched-pod.ts";
import { replicasWarning, withOwnReplicas } from "./patched-replicas.ts";
import type { Problem, Warning } from "../facts.ts";
import type { ServerRoutes } from "./child-context.ts";
import { certificateHosts, routesServedBy } from "../live/routes.ts";
import { PATCH_BOUNDS } from "../patch/bounds.ts";
import { allowedAnnotations } from "../policy/annotation-policy.ts";
import { routeExcess } from "../policy/ingress-policy.ts";
import { forbiddenFields } from "../policy/field-limits.ts";
import { forbiddenChange } from "../policy/patch-limits.ts";
import { chartResources } from "./sidecars/sidecar-resources.ts";
import type { OwnParts } from "../policy/pod-limits.ts";
import { judge, type Policy } from "../policy/policy.ts";
import type { NamespacePolicy } from "../policy/policy-settings.ts";
import type { DecisionSettings } from "../settings.ts";
import { yieldsOf, type Yields } from "./yielding-fields.ts";
import { boundsProblem } from "./spec-bounds.ts";
import { specProblems } from "./spec-problems.ts";
import {
  resourcesOf,
  startedWith,
  startedWithAnnotation,
  withRouteOf,
  type StartedWith,
} from "../live/started-with.ts";

/** The desired state of a child, complete with labels, owner and hash. */
export type DesiredChild = {
  readonly childKey: string;
  readonly manifest: Manifest;
  /** Hash of the manifest as patches left it, which is also its annotation `amalthea.dev/desired-hash`. */
  readonly desiredHash: string;
  /** What gives way to later writes by others, as patches left it; undefined if nothing does. */
  readonly yields?: Yields;
};

export type Desired =
  | {
      readonly kind: "Rendered";
      /** Without Secrets. */
      readonly children: readonly DesiredChild[];
      /** The server's own Secret last; patches may add others. All carry the same `contentHash`. */
      readonly secrets: readonly SecretManifest[];
      /** Keys of children that cannot be created as patched; their live objects stay. */
      readonly refusedKeys: readonly string[];
      readonly startedWith: StartedWith;
      /** Hash of the access policy; undefined in token mode. */
      readonly accessPolicyHash: string | undefined;
      readonly problems: readonly Problem[];
      readonly warnings: readonly Warning[];
    }
  /** The desired children are not known: the live ones stay, and can be scaled. */
  | {
      readonly kind: "Unrenderable";
      readonly problems: readonly Problem[];
      readonly warnings: readonly Warning[];
      /** The server's own, without patches: a pod that is scaled up must not find somebody else's, or none. */
      readonly secrets: readonly SecretManifest[];
    };

/** What the children depend on besides the spec. */
export type DesiredInput = Omit<ServerRoutes, "isMoveRefused"> & {
  /** The server was created under 0.24, which accepted more than this version. */
  readonly isLegacy?: boolean;
  readonly circumstances?: Circumstances;
};

/** What is allowed to a server depends on, beside the settings. */
export type Circumstances = {
  /** What the server's Namespace says. */
  readonly namespacePolicy: NamespacePolicy;
  /** Tolerated violations of the policy. */
  readonly tolerated: readonly string[];
  readonly ruleTakenBy: Policy["takenBy"];
};

const NO_CIRCUMSTANCES: Circumstances = { namespacePolicy: {}, tolerated: [], ruleTakenBy: () => undefined };

/** The children that a server should have. */
export function desiredChildren(
  server: EffectiveServer,
  settings: DecisionSettings,
  { wanted, served, kept, isLegacy = false, circumstances = NO_CIRCUMSTANCES }: DesiredInput,
): Desired {
  const unbounded = boundsProblem(server);
  if (unbounded !== undefined) return unrenderable({ server, settings }, [unbounded], []);
  const invalid = specProblems(server, wanted, isLegacy);
  if (invalid.length > 0 || wanted === undefined) return unrenderable({ server, settings }, invalid, []);
  const context = { server, settings, route: kept?.route ?? wanted, servedRoute: served ?? wanted, kept, isLegacy };
  const base = patchDocument(context);
  const patched = applyPatches(base, server.spec.patches, isOidc(server));
  if (patched.kind === "Failed") {
    return unrenderable(context, [patched.problem], patched.warnings);
  }
  const forbidden = forbiddenPart(context, circumstances, base, patched.document);
  if (forbidden !== undefined) return unrenderable(context, [forbidden], patched.warnings);
  const { replicasPatch } = patched;
  const replicas = replicasPatch === undefined ? [] : [replicasWarning(replicasPatch)];
  const allowed = withAllowedAnnotations(patched.document, settings.policy.ingressAnnotations);
  const warnings = [...patched.warnings, ...replicas, ...allowed.warnings];
  return underPolicy(context, render(context, base, allowed.document, warnings), circumstances);
}

/** What nothing can be made with: a host or path, or a change by patches, that is not allowed. */
function forbiddenPart(
  { server, settings, route }: ChildContext,
  { namespacePolicy: namespace }: Circumstances,
  base: PatchDocument,
  document: PatchDocument,
): Problem | undefined {
  const owner = { settings: settings.policy, namespace, server: server.metadata };
  const [excess] = routeExcess(route, "spec.routing", owner);
  if (excess !== undefined) return { kind: "NotAllowed", childKey: "ingress", ...excess };
  const change = forbiddenChange(base, document, settings.policy.patches);
  if (change === undefined) return undefined;
  const { path: field, ...rest } = change;
  return { kind: "NotAllowed", field, ...rest };
}

function withAllowedAnnotations(
  document: PatchDocument,
  settings: DecisionSettings["policy"]["ingressAnnotations"],
): { readonly document: PatchDocument; readonly warnings: readonly Warning[] } {
  const result = { ...document };
  const warnings: Warning[] = [];
  for (const [childKey, child] of Object.entries(document)) {
    const allowed = isObject(child) ? allowedAnnotations(child, settings) : undefined;
    if (allowed === undefined) continue;
    result[childKey] = allowed.child;
    warnings.push({ kind: "IngressAnnotationIgnored", childKey, names: allowed.refused });
  }
  return { document: result, warnings };
}

/** The children that the policy allows: if the StatefulSet or a Secret is not allowed, the others are not known either. */
function underPolicy(owner: ChildContext, desired: Desired, circumstances: Circumstances): Desired {
  if (desired.kind === "Unrenderable") return desired;
  const ownRoutes = [owner.route, owner.servedRoute];
  const policy = { ...policyOf(owner, desired.secrets, circumstances), ownRoutes };
  const { problems: ofChildren, warnings } = judge(desired.children, policy);
  const { problems: ofSecrets } = judge(desired.secrets.map(withChildKey), policy);
  const problems = [...fieldProblems(owner), ...ofSecrets, ...ofChildren];
  const refused = new Set(problems.map(({ childKey }) => childKey));
  const allProblems = [...desired.problems, ...problems];
  const allWarnings = [...desired.warnings, ...warnings];
  if (refused.has("statefulset") || ofSecrets.length > 0) return unrenderable(owner, allProblems, allWarnings);
  return {
    ...desired,
    children: desired.children.filter(({ childKey }) => !refused.has(childKey)),
    refusedKeys: [...desired.refusedKeys, ...refused],
    problems: allProblems,
    warnings: allWarnings,
  };
}

function withChildKey({ manifest }: SecretManifest): { readonly childKey: string; readonly manifest: Manifest } {
  return { childKey: manifest.metadata.labels[LABELS.childKey] ?? "secret", manifest };
}

/** Fields of the spec that are not allowed: each counts against the pod. */
export function fieldProblems({ server, settings }: Owner): readonly (Problem & { readonly childKey: string })[] {
  return forbiddenFields(server.spec, settings.policy, settings.serverDefaults).map((field) => ({
    kind: "NotAllowed",
    childKey: "statefulset",
    field,
    detail: "the field is not allowed",
    setting: "fields",
  }));
}

/** What the children of a server are held against. */
export function policyOf(
  { server, settings }: Owner,
  secrets: readonly SecretManifest[],
  { namespacePolicy: namespace, tolerated, ruleTakenBy: takenBy }: Circumstances,
): Policy {
  const own = ownParts(childName(server), settings, secrets);
  return { settings: settings.policy, namespace, tolerated, own, takenBy, server: server.metadata, ownRoutes: [] };
}

/** What in a pod is not the user's. */
function ownParts(secret: string, settings: DecisionSettings, secrets: readonly SecretManifest[]): OwnParts {
  return {
    secrets: new Set([secret, ...secrets.map(({ manifest }) => manifest.metadata.name)]),
    containers: {
      [CONTAINERS.authProxy]: ownContainer(settings, "traefik"),
      [CONTAINERS.oauth2Proxy]: ownContainer(settings, "oauth2Proxy"),
      [CONTAINERS.authorization]: ownContainer(settings, "authorization"),
    },
  };
}

function ownContainer(
  settings: DecisionSettings,
  name: "traefik" | "oauth2Proxy" | "authorization",
): OwnParts["containers"][string] {
  return { image: settings.images[name], resources: chartResources(settings, name) };
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
  const problems = childProblems(context, base, document);
  if (problems.has("statefulset")) {
    return unrenderable(context, [...problems.values()], patchWarnings);
  }
  const accepted = acceptedChildren(
    context,
    Object.entries(document).filter(([key]) => !problems.has(key)),
  );
  const { children } = accepted;
  const chain = completeAccessChain(context, children["statefulset"] ?? {}, children["configmap"]);
  if (chain.kind === "Refused") {
    const problem = { kind: "ChildInvalid", childKey: "statefulset", reason: chain.reason } as const;
    return unrenderable(context, [...problems.values(), problem], patchWarnings);
  }
  const wanted = startedWith(context.server, context.route, containerResources(children));
  const started = context.kept === undefined ? wanted : withRouteOf(wanted, context.kept);
  const entries = Object.entries({ ...children, statefulset: withOwnReplicas(context, chain.statefulSet) });
  const isSecret = ([, child]: [string, JsonObject]): boolean => child["kind"] === "Secret";
  return {
    kind: "Rendered",
    children: entries
      .filter((entry) => !isSecret(entry))
      .map(([key, child]) => desiredChild(context, key, child, { started, original: ownValue(base, key) })),
    secrets: secretManifests(context, entries.filter(isSecret)),
    refusedKeys: [...problems.keys()],
    startedWith: started,
    accessPolicyHash: chain.accessPolicyHash,
    problems: [...problems.values()],
    warnings: [...patchWarnings, ...accepted.warnings, ...chain.warnings],
  };
}

/** Why children cannot be created as patched, by their keys. */
function childProblems(context: ChildContext, base: PatchDocument, document: PatchDocument): Map<string, Problem> {
  const problems = new Map<string, Problem>();
  const named = new Map<string, string>();
  const invalid = (childKey: string, reason: string): unknown =>
    problems.set(childKey, { kind: "ChildInvalid", childKey, reason });
  if (document["statefulset"] === undefined) invalid("statefulset", "the StatefulSet cannot be dropped");
  const ownFirst = Object.entries(document).toSorted(
    ([a], [b]) => Number(Object.hasOwn(base, b)) - Number(Object.hasOwn(base, a)),
  );
  let routes = 0;
  for (const [key, child] of ownFirst) {
    const problem = childProblem(context, key, child, ownValue(base, key));
    if (problem !== undefined) {
      problems.set(key, problem);
      continue;
    }
    routes += routesServedBy(child).length + certificateHosts(child).length;
    if (routes > PATCH_BOUNDS.routes) {
      invalid(key, `the Ingresses of a server may have ${PATCH_BOUNDS.routes} paths and certificate hosts together`);
      continue;
    }
    const identity = `${groupKind(child)}/${nameOf(context.server, key, child)}`;
    const other = named.get(identity);
    if (other !== undefined) invalid(key, `it has the name and kind of ${other}; give it another name`);
    named.set(identity, key);
  }
  return problems;
}

type Accepted = { readonly children: PatchDocument; readonly warnings: readonly Warning[] };

/** The children as an apply accepts them. */
function acceptedChildren({ server }: ChildContext, entries: readonly [string, JsonObject][]): Accepted {
  const children: PatchDocument = {};
  const warnings: Warning[] = [];
  for (const [childKey, patched] of entries) {
    const { child, adjustments: conformed } = conformedChild(patched);
    const own = childKey === "statefulset" ? withOwnPort(server, child) : { statefulSet: child, adjustments: [] };
    children[childKey] = own.statefulSet;
    const adjustments = [...conformed, ...own.adjustments];
    if (adjustments.length > 0) warnings.push({ kind: "ChildAdjusted", childKey, adjustments });
  }
  return { children, warnings };
}

function containerResources(document: PatchDocument): Readonly<JsonObject> {
  return resourcesOf(valueAt(document["statefulset"], "spec", "template", "spec"), CONTAINERS.jupyter);
}

function desiredChild(
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

function withMetadata(
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
function nameOf(server: JupyterServer, childKey: string, child: JsonObject): string {
  const name = valueAt(child, "metadata", "name");
  return typeof name === "string" ? name : `${childName(server)}-${childKey.toLowerCase()}`;
}

/** Marks an Ingress whose class was requested: the live object does not distinguish it from the cluster's default. */
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
 * One hash for all Secrets of the server: they are not watched, so they are read and written together.
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
    .filter(([key, value]) => value === null && !Object.hasOwn(given, key))
    .map(([key]): GeneratedKey => ({
      key,
      encoding: Object.hasOwn(ENCODINGS, key) ? (ENCODINGS[key] ?? "hex") : "hex",
    }));
  const body = Object.keys(encoded).length === 0 ? rest : { ...rest, data: encoded };
  const manifest = withAnnotation(withMetadata(context, childKey, body, true), ANNOTATIONS.contentHash, hash);
  const secretOf = { given, generated, contentHash: hash };
  if (childKey === "secret") return { manifest, ...secretOf };
  const patchedHash = contentHash([data, stringData]);
  return { manifest: withAnnotation(manifest, ANNOTATIONS.patchedHash, patchedHash), ...secretOf, patchedHash };
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
