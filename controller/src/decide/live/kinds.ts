import { groupKind, type OfKind } from "../values/group-kind.ts";

/** Kinds of the built-in children; patches may add more objects of these kinds. */
export const OWN_KINDS: readonly { readonly apiVersion: string; readonly kind: string }[] = [
  { apiVersion: "v1", kind: "Service" },
  { apiVersion: "v1", kind: "ConfigMap" },
  { apiVersion: "v1", kind: "Secret" },
  { apiVersion: "v1", kind: "PersistentVolumeClaim" },
  { apiVersion: "apps/v1", kind: "StatefulSet" },
  { apiVersion: "networking.k8s.io/v1", kind: "Ingress" },
  { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy" },
];

/** Whether an object is of the kind of a built-in child, in any version. */
export function isOwnKind(child: OfKind): boolean {
  return OWN_KINDS.some((one) => groupKind(one) === groupKind(child));
}
