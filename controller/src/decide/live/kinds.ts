import { groupKind } from "../values/group-kind.ts";

/** Kinds of our own children, which patches may add more of. */
export const OWN_KINDS: readonly { readonly apiVersion: string; readonly kind: string }[] = [
  { apiVersion: "v1", kind: "Service" },
  { apiVersion: "v1", kind: "ConfigMap" },
  { apiVersion: "v1", kind: "Secret" },
  { apiVersion: "v1", kind: "PersistentVolumeClaim" },
  { apiVersion: "apps/v1", kind: "StatefulSet" },
  { apiVersion: "networking.k8s.io/v1", kind: "Ingress" },
  { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy" },
];

/** Whether it is of a kind that we make ourselves, in whatever version. */
export function isOwnKind(child: { readonly apiVersion?: unknown; readonly kind?: unknown }): boolean {
  return OWN_KINDS.some((one) => groupKind(one) === groupKind(child));
}
