import type { ChildKey } from "@amalthea/api";
import type { JsonObject } from "../values/json.ts";
import { copyOf } from "../values/json.ts";
import type { ChildContext } from "./child-context.ts";
import { configMap } from "./config-map.ts";
import { ingress } from "./ingress.ts";
import { networkPolicy } from "./network-policy.ts";
import { secret } from "./secret.ts";
import { service } from "./service.ts";
import { statefulSet } from "./stateful-set.ts";
import { volumeClaim } from "./volume-claim.ts";

/** Full manifests by key, without labels and owners: the document that `spec.patches` change. */
export type PatchDocument = { [key: string]: JsonObject };

/** The document of a server, before patches. The keys are those of 0.24 and `networkpolicy`. */
export function patchDocument(context: ChildContext): PatchDocument {
  const { server, settings } = context;
  const hasOwnClaim = server.spec.storage.pvc.enabled && server.spec.storage.pvc.existingClaim === undefined;
  const children: Partial<Record<ChildKey, unknown>> = {
    service: service(context),
    ingress: ingress(context),
    statefulset: statefulSet(context),
    configmap: configMap(context),
    secret: secret(context),
    ...(hasOwnClaim ? { pvc: volumeClaim(context) } : {}),
    ...(settings.networkPolicy.enabled ? { networkpolicy: networkPolicy(context) } : {}),
  };
  return copyOf(children) as PatchDocument; // builders give objects only
}
