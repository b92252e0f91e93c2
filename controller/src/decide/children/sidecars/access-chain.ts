import { ANNOTATIONS, CONTAINERS } from "@amalthea/api";
import type { EnvVar, Volume } from "kubernetes-types/core/v1.js";
import { contentHash } from "../../values/hash.ts";
import { copyOf, itemNamed, listOf, objectOf, valueAt, type JsonObject } from "../../values/json.ts";
import type { Adjustment, Warning } from "../../facts.ts";
import { podSpecOf } from "../../live/child.ts";
import { isOidc, type ChildContext } from "../child-context.ts";
import { conformedChild } from "../conformed-child.ts";
import { specFieldOf } from "../spec-fields.ts";
import { authProxyRoutes } from "./auth-proxy-routes.ts";
import { AUTHORITIES_DIRECTORY, authorization, POLICY_KEY, policyVolume, SESSIONS } from "./authorization.ts";
import { bearerEnvironment } from "./bearer.ts";
import { TRUSTED_CA_VOLUME } from "./oauth2-proxy.ts";
import { authoritiesOf, withFlagsAsArgs, type Authorities } from "./patched-environment.ts";
import { authProxy, ROUTES_ANNOTATION, routesVolume } from "./traefik.ts";
import { readPatchedArgs, type PatchedArgs } from "./upstreams.ts";

export type AccessChain =
  | {
      readonly kind: "Built";
      readonly statefulSet: JsonObject;
      /** Undefined in token mode. */
      readonly accessPolicyHash: string | undefined;
      readonly warnings: readonly Warning[];
    }
  | { readonly kind: "Refused"; readonly reason: string };

/** Each becomes several routes of the proxy, whose file has to fit into an annotation. */
const MAX_UPSTREAMS = 50;

/**
 * Completes the pod of an OIDC server after patches: the authorization service and the proxy come last, so that the
 * containers that patches add keep the places they expect, and the proxy forwards to where patches say.
 *
 * @param configMap The ConfigMap after patches; it holds the policy.
 */
export function completeAccessChain(context: ChildContext, statefulSet: JsonObject, configMap: unknown): AccessChain {
  if (!isOidc(context.server)) return { kind: "Built", statefulSet, accessPolicyHash: undefined, warnings: [] };
  const complete = copyOf(statefulSet);
  const template = objectOf(valueAt(complete, "spec", "template")) as JsonObject;
  const spec = objectOf(template["spec"]) as JsonObject;
  const containers = listOf(spec["containers"]);
  const login = itemNamed(containers, CONTAINERS.oauth2Proxy) as JsonObject | undefined;
  const args = listOf(login?.["args"]);
  if (login === undefined || !args.every((arg) => typeof arg === "string")) {
    return { kind: "Refused", reason: "the container oauth2-proxy and its args cannot be removed" };
  }
  const said = withFlagsAsArgs(args, listOf(login["env"]));
  const patched = readPatchedArgs(said.args, context.route, context.server.spec.auth.oidc);
  if (patched.refused !== undefined)
    return { kind: "Refused", reason: `the upstream ${patched.refused} is not in the pod` };
  if (patched.upstreams.length > MAX_UPSTREAMS)
    return { kind: "Refused", reason: `oauth2-proxy has more than ${MAX_UPSTREAMS} upstreams` };
  const volumes = chainVolumes(context);
  const reason = volumesReason(complete, volumes);
  if (reason !== undefined) return { kind: "Refused", reason };
  login["args"] = [...patched.args];
  login["env"] = [...said.env];
  const authorities = authoritiesOf(patched.args, login, AUTHORITIES_DIRECTORY);
  const toProvider = {
    wayOut: said.env.filter((variable): variable is EnvVar => isProxyVariable(variable)),
    authorities,
  };
  spec["containers"] = [...containers, authorization(context, patched, toProvider), authProxy(context)];
  spec["volumes"] = [...listOf(spec["volumes"]), ...volumes];
  const accessPolicyHash = contentHash(valueAt(configMap, "data", POLICY_KEY));
  const metadata = objectOf(template["metadata"]) as JsonObject;
  metadata["annotations"] = {
    ...objectOf(metadata["annotations"]),
    [ROUTES_ANNOTATION]: authProxyRoutes(context.route, patched.upstreams, acceptsTokens(context, patched)),
    [ANNOTATIONS.accessPolicyHash]: accessPolicyHash,
  };
  const { child, adjustments } = conformedChild(complete);
  const warnings = [...warningsOf(patched, authorities), ...unknownFields(adjustments)];
  return { kind: "Built", statefulSet: copyOf(child), accessPolicyHash, warnings };
}

/** The rest of the pod has been conformed before: what is left comes from open fields of the spec. */
function unknownFields(adjustments: readonly Adjustment[]): readonly Warning[] {
  const named = adjustments.map((one) => ({ ...one, field: specFieldOf(one.field) }));
  return named.length === 0 ? [] : [{ kind: "ChildAdjusted", childKey: "statefulset", adjustments: named }];
}

/** The authorization service reaches the provider the way that patches give oauth2-proxy. */
function isProxyVariable(variable: unknown): boolean {
  return /^(https?|no)_proxy$/i.test(String(valueAt(variable, "name")));
}

function acceptsTokens({ server }: ChildContext, { bearer }: PatchedArgs): boolean {
  return "AMALTHEA_BEARER" in bearerEnvironment(server.spec.auth.oidc, bearer);
}

function warningsOf(
  { skipAuthRoutes, emailDomains: domains, bearer }: PatchedArgs,
  { unshared }: Authorities,
): readonly Warning[] {
  return [
    ...(skipAuthRoutes.length === 0 ? [] : [{ kind: "SkipAuthRouteIgnored", args: skipAuthRoutes } as const]),
    ...(bearer.ignored.length === 0 ? [] : [{ kind: "TokenIssuerIgnored", args: bearer.ignored } as const]),
    ...(domains.length === 0 ? [] : [{ kind: "EmailDomainIgnored", domains } as const]),
    ...(unshared.length === 0 ? [] : [{ kind: "AuthoritiesNotShared", files: unshared } as const]),
  ];
}

/**
 * Why a StatefulSet interferes with the login's volumes, which it does not have yet: it defines one, too, or a container
 * mounts one. The kept sessions, with tokens of the provider, are for the authorization service alone. Certificate
 * authorities are no secret.
 */
function volumesReason(statefulSet: JsonObject, volumes: readonly Volume[]): string | undefined {
  const { volumes: ofPod, initContainers, containers } = podSpecOf(statefulSet);
  // In the pod, a claim replaces a volume of the same name.
  const claims = listOf(valueAt(statefulSet, "spec", "volumeClaimTemplates")).map((one) => valueAt(one, "metadata"));
  const defined = [...listOf(ofPod), ...claims];
  const mounts = [...listOf(initContainers), ...listOf(containers)].flatMap((container) =>
    listOf(valueAt(container, "volumeMounts")),
  );
  const names = volumes.map(({ name }) => name);
  const taken = names.find((name) => itemNamed(defined, name) !== undefined);
  if (taken !== undefined) return `the volume ${taken} belongs to the login; use another name`;
  const mounted = names.find((name) => name !== TRUSTED_CA_VOLUME && itemNamed(mounts, name) !== undefined);
  return mounted === undefined ? undefined : `the volume ${mounted} belongs to the login and cannot be mounted`;
}

function chainVolumes(context: ChildContext): readonly Volume[] {
  const { trustedCA } = context.server.spec.auth.oidc;
  const authority: readonly Volume[] =
    trustedCA === undefined ? [] : [{ name: TRUSTED_CA_VOLUME, configMap: { name: trustedCA.configMapName } }];
  return [policyVolume(context), SESSIONS, routesVolume(), ...authority];
}
