import { ACTIVITY_PORT_NAME, childName, HTTP_PORT_NAME, PORTS, type JupyterServer } from "@amalthea/api";
import type { NetworkPolicy, NetworkPolicySpec } from "kubernetes-types/networking/v1.js";
import type { NetworkPolicySettings } from "../settings.ts";
import { isOidc, podSelector, type ChildContext } from "./child-context.ts";

/**
 * Who may reach the pod: the server's port and those that its spec adds, from everywhere unless the administrator names
 * peers; and the controller, where it polls the server's activity. Egress is limited only if the administrator says
 * so. The server's own ports are referred to by name, because they differ between the access modes.
 */
export function networkPolicy(context: ChildContext): NetworkPolicy {
  const { server, settings } = context;
  const { ingressFrom, egress } = settings.networkPolicy;
  // Peers and rules are the administrator's own; the API server validates them.
  const spec = {
    podSelector: { matchLabels: { ...podSelector(server) } },
    policyTypes: egress === undefined ? ["Ingress"] : ["Ingress", "Egress"],
    ingress: [ingress([port(HTTP_PORT_NAME), ...extraPorts(server)], ingressFrom), ...controllerIngress(context)],
    ...(egress === undefined ? {} : { egress }),
  } as NetworkPolicySpec;
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: childName(server) },
    spec,
  };
}

function ingress(ports: readonly object[], from: readonly unknown[] | undefined): object {
  return { ports, ...(from === undefined ? {} : { from }) };
}

function port(nameOrNumber: string | number, protocol = "TCP"): object {
  return { protocol, port: nameOrNumber };
}

/** By number: a pod that runs does not know their names until its next start. */
function extraPorts({ spec }: JupyterServer): readonly object[] {
  return (spec.jupyterServer.extraPorts ?? []).map(({ containerPort, protocol }) => port(containerPort, protocol));
}

function controllerIngress({ server, settings, isLegacy }: ChildContext): readonly object[] {
  const { controller, ingressFrom } = settings.networkPolicy;
  // In a pod of 0.24 it is the proxy that has the name, and Jupyter is asked at its own port.
  const ports = [...activityPorts(server, ingressFrom), ...(isLegacy ? [port(PORTS.jupyter)] : [])];
  return controller === undefined || ports.length === 0 ? [] : [ingress(ports, controller)];
}

/** With a login the controller polls the authorization service, at a separate port; otherwise Jupyter. */
function activityPorts(server: JupyterServer, ingressFrom: NetworkPolicySettings["ingressFrom"]): readonly object[] {
  if (isOidc(server)) return [port(ACTIVITY_PORT_NAME)];
  return ingressFrom === undefined ? [] : [port(HTTP_PORT_NAME)];
}
