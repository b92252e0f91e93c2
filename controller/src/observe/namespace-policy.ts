import { ANNOTATIONS } from "@amalthea/api";
import type { Live } from "@amalthea/kube";
import type { Namespace } from "kubernetes-types/core/v1.js";
import type { NamespacePolicy, PolicySettings } from "../decide/policy/policy-settings.ts";
import { POD_SECURITY_LEVELS } from "../decide/policy/pod-security.ts";
import { identityOf } from "./informer-transforms.ts";

/** @see https://kubernetes.io/docs/tasks/configure-pod-container/enforce-standards-namespace-labels/ */
const ENFORCE = "pod-security.kubernetes.io/enforce";

/** What a Namespace says of the servers in it; nothing, if it is not known. */
export function namespacePolicyOf(namespace: Live<Namespace> | undefined, settings: PolicySettings): NamespacePolicy {
  const { labels, annotations } = namespace?.metadata ?? {};
  const level = labels?.[ENFORCE];
  const routes = settings.routes.namespaceAnnotation ? annotations?.[ANNOTATIONS.allowedRoutes] : undefined;
  return {
    // Pod Security admission treats an unknown level as the strictest.
    ...(level === undefined
      ? {}
      : { podSecurity: POD_SECURITY_LEVELS.find((known) => known === level) ?? "restricted" }),
    ...(routes === undefined ? {} : { routes: listFrom(routes) }),
  };
}

function listFrom(text: string): readonly string[] {
  return text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
}

/** Keeps of a Namespace what is read. */
export function withoutRest({ metadata }: Live<Namespace>): Live<Namespace> {
  const level = metadata.labels?.[ENFORCE];
  const routes = metadata.annotations?.[ANNOTATIONS.allowedRoutes];
  return {
    metadata: {
      ...identityOf(metadata),
      ...(level === undefined ? {} : { labels: { [ENFORCE]: level } }),
      ...(routes === undefined ? {} : { annotations: { [ANNOTATIONS.allowedRoutes]: routes } }),
    },
  };
}
