import { childName, CONTAINERS } from "@amalthea/api";
import type { SecretManifest } from "../decision.ts";
import type { Problem, Warning } from "../facts.ts";
import { allowedAnnotations } from "../policy/annotation-policy.ts";
import { forbiddenFields } from "../policy/field-limits.ts";
import { routeExcess } from "../policy/ingress-policy.ts";
import { forbiddenChange } from "../policy/patch-limits.ts";
import type { OwnParts } from "../policy/pod-limits.ts";
import type { Policy } from "../policy/policy.ts";
import type { DecisionSettings } from "../settings.ts";
import { isObject } from "../values/json.ts";
import type { ChildContext } from "./child-context.ts";
import type { Owner } from "./desired-child.ts";
import type { PatchDocument } from "./patch-document.ts";
import { chartResources } from "./sidecars/sidecar-settings.ts";

/** What the policy for a server depends on, besides the settings. */
export type Circumstances = Pick<Policy, "namespace" | "tolerated" | "takenBy">;

/** What prevents all children: a host or path, or a change by patches, that is not allowed. */
export function forbiddenPart(
  { server, settings, route }: ChildContext,
  { namespace }: Circumstances,
  base: PatchDocument,
  document: PatchDocument,
): Problem | undefined {
  const owner = { settings: settings.policy, namespace, server: server.metadata };
  const [excess] = routeExcess(route, "spec.routing", owner);
  if (excess !== undefined) return { kind: "NotAllowed", childKey: "ingress", ...excess };
  const change = forbiddenChange(base, document, settings.policy.patches);
  return change === undefined ? undefined : { kind: "NotAllowed", ...change };
}

export function withAllowedAnnotations(
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

/** What the children of a server are checked against. */
export function policyOf(
  { server, settings }: Owner,
  secrets: readonly SecretManifest[],
  circumstances: Circumstances,
): Policy {
  const own = ownParts(childName(server), settings, secrets);
  return { ...circumstances, settings: settings.policy, own, server: server.metadata, ownRoutes: [] };
}

/** What in a pod is not the user's. */
function ownParts(secret: string, settings: DecisionSettings, secrets: readonly SecretManifest[]): OwnParts {
  const own = (name: keyof DecisionSettings["images"]): OwnParts["containers"][string] => {
    return { image: settings.images[name], resources: chartResources(settings, name) };
  };
  return {
    secrets: new Set([secret, ...secrets.map(({ manifest }) => manifest.metadata.name)]),
    containers: {
      [CONTAINERS.authProxy]: own("traefik"),
      [CONTAINERS.oauth2Proxy]: own("oauth2Proxy"),
      [CONTAINERS.authorization]: own("authorization"),
    },
  };
}
