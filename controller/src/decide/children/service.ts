import { childName, HTTP_PORT_NAME, LABELS, PORTS } from "@amalthea/api";
import type { Service } from "kubernetes-types/core/v1.js";
import { podSelector, type ChildContext } from "./child-context.ts";

/** The Service in front of the pod. It has an address of its own, so that clients inside the cluster can use port 80. */
export function service({ server }: ChildContext): Service {
  const { extraPorts = [] } = server.spec.jupyterServer;
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: childName(server), labels: { [LABELS.app]: childName(server) } },
    spec: {
      type: "ClusterIP",
      selector: { ...podSelector(server) },
      ports: [
        { name: HTTP_PORT_NAME, protocol: "TCP", port: PORTS.service, targetPort: HTTP_PORT_NAME },
        ...extraPorts.map(({ name, containerPort: port, protocol = "TCP" }) => ({
          name,
          protocol,
          port,
          targetPort: port,
        })),
      ],
    },
  };
}
