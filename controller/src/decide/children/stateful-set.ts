import { childName } from "@amalthea/api";
import type { StatefulSet } from "kubernetes-types/apps/v1.js";
import { podSelector, type ChildContext } from "./child-context.ts";
import { podTemplate } from "./pod-template.ts";

/**
 * The StatefulSet of the one pod. Under `OnDelete` a changed template never restarts a running server: it takes
 * effect at the next start, whatever causes that.
 */
export function statefulSet(context: ChildContext): StatefulSet {
  const { server } = context;
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name: childName(server), labels: { app: childName(server) } },
    spec: {
      replicas: desiredReplicas(context),
      serviceName: childName(server),
      podManagementPolicy: "Parallel",
      updateStrategy: { type: "OnDelete" },
      selector: { matchLabels: { ...podSelector(server) } },
      template: podTemplate(context),
    },
  };
}

/** A hibernated server keeps everything but its pod. */
export function desiredReplicas({ server }: Pick<ChildContext, "server">): 0 | 1 {
  return server.spec.jupyterServer.hibernated ? 0 : 1;
}
