import type { RealCluster } from "./real-cluster.ts";

/** Kinds in the order in which a careful person applies them: what a pod mounts comes before it. */
const KINDS = ["secret", "configmap", "persistentvolumeclaim", "service", "ingress", "statefulset"] as const;

/** What the API server and its controllers put into an object, and what makes it ours. */
const NOT_WRITTEN: readonly string[] = [
  ...["status", "uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "ownerReferences"],
  ...["clusterIP", "clusterIPs", "volumeName"],
];

/** Manifests of a server's children as a person would have written them: without any trace of the server. */
export async function bareManifests({ kubectl }: RealCluster, server: string): Promise<readonly object[]> {
  const manifests: object[] = [];
  for (const kind of KINDS) {
    const live = JSON.parse(await kubectl(["get", kind, server, "-o", "json"])) as object;
    manifests.push(asWritten(live) as object); // an object stays one
  }
  return manifests;
}

function asWritten(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asWritten);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => !NOT_WRITTEN.includes(key) && !isForeign(key));
  return Object.fromEntries(entries.map(([key, content]) => [key, asWritten(content)]));
}

/** Labels and annotations of ours, and those by which Kubernetes binds a claim to its volume. */
function isForeign(key: string): boolean {
  return /^(amalthea\.dev|pv\.kubernetes\.io|volume\.(beta\.)?kubernetes\.io)\//.test(key);
}
