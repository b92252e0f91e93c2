import { stringify } from "yaml";
import type { NodeNetwork } from "./network.ts";
import { dnsAddress } from "./files.ts";

const isDefault = (kind: string): object => ({ [`${kind}.kubernetes.io/is-default-class`]: "true" });

/** DNS runs beside the pods, not in one: the Service has no selector, and its only endpoint is the node. */
function dnsObjects({ nodeAddress }: NodeNetwork): readonly object[] {
  const ports = [
    { name: "dns", port: 53, protocol: "UDP" },
    { name: "dns-tcp", port: 53, protocol: "TCP" },
  ];
  const metadata = { namespace: "kube-system", name: "kube-dns" };
  return [
    { apiVersion: "v1", kind: "Service", metadata, spec: { clusterIP: dnsAddress, ports } },
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { ...metadata, labels: { "kubernetes.io/service-name": "kube-dns" } },
      addressType: "IPv4",
      endpoints: [{ addresses: [nodeAddress], conditions: { ready: true } }],
      ports,
    },
  ];
}

/** The objects that make a bare cluster one that users expect: a storage class, an ingress class and DNS. */
export function addOnObjects(network: NodeNetwork): string {
  const objects = [
    {
      apiVersion: "storage.k8s.io/v1",
      kind: "StorageClass",
      metadata: { name: "standard", annotations: isDefault("storageclass") },
      provisioner: "amalthea.dev/local-folders",
      reclaimPolicy: "Delete",
      volumeBindingMode: "WaitForFirstConsumer",
      allowVolumeExpansion: true,
    },
    {
      apiVersion: "networking.k8s.io/v1",
      kind: "IngressClass",
      metadata: { name: "traefik", annotations: isDefault("ingressclass") },
      spec: { controller: "traefik.io/ingress-controller" },
    },
    ...dnsObjects(network),
  ];
  return objects.map((object) => stringify(object)).join("---\n");
}
