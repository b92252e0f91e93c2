import { childName, HTTP_PORT_NAME } from "@amalthea/api";
import type { NetworkPolicy, NetworkPolicySpec } from "kubernetes-types/networking/v1.js";
import { podSelector, type ChildContext } from "./child-context.ts";

/**
 * Who may reach the pod: the server's port only, from everywhere unless the administrator names peers. What the pod may
 * reach is limited only if the administrator says so. The port is named, for it differs between the access modes.
 */
export function networkPolicy({ server, settings }: ChildContext): NetworkPolicy {
  const { ingressFrom, egress } = settings.networkPolicy;
  // Peers and rules are the administrator's own; the API server validates them.
  const limits = { ...(ingressFrom === undefined ? {} : { from: ingressFrom }) } as object;
  const spec = {
    podSelector: { matchLabels: { ...podSelector(server) } },
    policyTypes: egress === undefined ? ["Ingress"] : ["Ingress", "Egress"],
    ingress: [{ ports: [{ protocol: "TCP", port: HTTP_PORT_NAME }], ...limits }],
    ...(egress === undefined ? {} : { egress }),
  } as NetworkPolicySpec;
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: childName(server) },
    spec,
  };
}
