import { LABELS } from "@amalthea/api";
import type { Manifest, SecretManifest } from "../decision.ts";
import type { EffectiveServer } from "../effective-server.ts";
import type { Adjustment, Problem, Warning } from "../facts.ts";
import { podSpecOf } from "../live/child.ts";
import { certificateHosts, routesServedBy } from "../live/routes.ts";
import { resourcesOf, startedWith, withRouteOf, type StartedWith } from "../live/started-with.ts";
import { PATCH_BOUNDS } from "../patch/bounds.ts";
import { judge } from "../policy/policy.ts";
import type { DecisionSettings } from "../settings.ts";
import { groupKind } from "../values/group-kind.ts";
import { ownValue, type JsonObject } from "../values/json.ts";
import { type ChildContext, isOidc, type ServerRoutes } from "./child-context.ts";
import { conformedChild } from "./conformed-child.ts";
import { desiredChild, type DesiredChild, nameOf, type Owner } from "./desired-child.ts";
import { patchDocument, type PatchDocument } from "./patch-document.ts";
import { applyPatches } from "./patches.ts";
import { childProblem, invalidChild } from "./patched-child.ts";
import { replicasWarning, withOwnOrdinal, withOwnPort, withOwnReplicas } from "./patched-pod.ts";
import { secret, secretManifests } from "./secret.ts";
import { type Circumstances, fieldProblems, forbiddenPart, policyOf, withAllowedAnnotations } from "./server-policy.ts";
import { completeAccessChain } from "./sidecars/access-chain.ts";
import { boundsProblem } from "./spec-bounds.ts";
import { specFieldOf } from "./spec-fields.ts";
import { specProblems } from "./spec-problems.ts";

type Noted = { readonly problems: readonly Problem[]; readonly warnings: readonly Warning[] };

export type Rendered = Noted & {
  readonly kind: "Rendered";
  /** Without Secrets. */
  readonly children: readonly DesiredChild[];
  /** The server's own Secret last; patches may add others. All have the same `contentHash`. */
  readonly secrets: readonly SecretManifest[];
  /** Keys of children that cannot be created as patched; their live objects stay. */
  readonly refusedKeys: readonly string[];
  readonly startedWith: StartedWith;
  /** Hash of the access policy; undefined in token mode. */
  readonly accessPolicyHash: string | undefined;
};

export type Desired =
  | Rendered
  /** The desired children are not known: the live ones stay, and can be scaled. */
  | (Noted & {
      readonly kind: "Unrenderable";
      /** The server's own, without patches: a pod that is scaled up must not find another's, or none. */
      readonly secrets: readonly SecretManifest[];
    });

/** What the children depend on besides the spec. */
export type DesiredInput = Omit<ServerRoutes, "isMoveRefused"> & {
  readonly isLegacy?: boolean;
  readonly circumstances?: Circumstances;
};

const NO_CIRCUMSTANCES: Circumstances = { namespace: {}, tolerated: [], takenBy: () => undefined };

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

/**
 * The children that the policy allows: if the StatefulSet or a Secret is not allowed, the others are not known either.
 */
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

function withChildKey({ manifest, given }: SecretManifest): { readonly childKey: string; readonly manifest: Manifest } {
  const childKey = manifest.metadata.labels[LABELS.childKey] ?? "secret";
  return { childKey, manifest: { ...manifest, stringData: given } };
}

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
    base,
    Object.entries(document).filter(([key]) => !problems.has(key)),
  );
  const { children } = accepted;
  const chain = completeAccessChain(context, children["statefulset"] ?? {}, children["configmap"]);
  if (chain.kind === "Refused") {
    return unrenderable(context, [...problems.values(), invalidChild("statefulset", chain.reason)], patchWarnings);
  }
  const wanted = startedWith(context.server, context.route, resourcesOf(podSpecOf(children["statefulset"])));
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
  const invalid = (childKey: string, reason: string): unknown => problems.set(childKey, invalidChild(childKey, reason));
  if (document["statefulset"] === undefined) invalid("statefulset", "the StatefulSet cannot be removed");
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
      invalid(key, `a server may have ${PATCH_BOUNDS.routes} paths in Ingresses and hosts of certificates together`);
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
function acceptedChildren(
  { server }: ChildContext,
  base: PatchDocument,
  entries: readonly [string, JsonObject][],
): Accepted {
  const children: PatchDocument = {};
  const warnings: Warning[] = [];
  for (const [childKey, patched] of entries) {
    const { child, adjustments: conformed } = conformedChild(patched);
    const own = childKey === "statefulset" ? ownStatefulSet(server, child) : { statefulSet: child, adjustments: [] };
    children[childKey] = own.statefulSet;
    const adjustments = [...withOrigin(conformed, ownValue(base, childKey)), ...own.adjustments];
    if (adjustments.length > 0) warnings.push({ kind: "ChildAdjusted", childKey, adjustments });
  }
  return { children, warnings };
}

/**
 * Names the fields that are wrong without the patches, too, as the server's spec does: open fields of it are not
 * checked.
 */
function withOrigin(adjustments: readonly Adjustment[], original: JsonObject | undefined): readonly Adjustment[] {
  if (adjustments.length === 0 || original === undefined) return adjustments;
  const ofSpec = new Set(conformedChild(original).adjustments.map(({ field }) => field));
  return adjustments.map((one) => (ofSpec.has(one.field) ? { ...one, field: specFieldOf(one.field) } : one));
}

function ownStatefulSet(server: EffectiveServer, child: JsonObject): ReturnType<typeof withOwnPort> {
  const numbered = withOwnOrdinal(child);
  const { statefulSet, adjustments } = withOwnPort(server, numbered.statefulSet);
  return { statefulSet, adjustments: [...numbered.adjustments, ...adjustments] };
}
