import { ACTIVITY_PORT_NAME, childName, HTTP_PORT_NAME, type JupyterServer } from "@amalthea/api";
import type { NetworkPolicy, NetworkPolicySpec } from "kubernetes-types/networking/v1.js";
import type { NetworkPolicySettings } from "../settings.ts";
import { isOidc, podSelector, type ChildContext } from "./child-context.ts";

/**
 * Who may reach the pod: the server's port only, from everywhere unless the administrator names peers; and the controller,
 * where it asks about the server's activity. What the pod may reach is limited only if the administrator says so. Ports
 * are named, for they differ between the access modes.
 */
export function networkPolicy({ server, settings }: ChildContext): NetworkPolicy {
  const { ingressFrom, egress } = settings.networkPolicy;
  // Peers and rules are the administrator's own; the API server validates them.
  const spec = {
    podSelector: { matchLabels: { ...podSelector(server) } },
    policyTypes: egress === undefined ? ["Ingress"] : ["Ingress", "Egress"],
    ingress: [ingress(HTTP_PORT_NAME, ingressFrom), ...controllerIngress(server, settings.networkPolicy)],
    ...(egress === undefined ? {} : { egress }),
  } as NetworkPolicySpec;
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: childName(server) },
    spec,
  };
}

function ingress(port: string, from: readonly unknown[] | undefined): object {
  return { ports: [{ protocol: "TCP", port }], ...(from === undefined ? {} : { from }) };
}

/** With a login the authorization service answers the controller, at a port of its own; otherwise Jupyter does. */
function controllerIngress(server: JupyterServer, settings: NetworkPolicySettings): readonly object[] {
  const { controller, ingressFrom } = settings;
  if (controller === undefined) return [];
  if (isOidc(server)) return [ingress(ACTIVITY_PORT_NAME, controller)];
  return ingressFrom === undefined ? [] : [ingress(HTTP_PORT_NAME, controller)];
}
