import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { auditPolicyText } from "../control-plane/api-server.ts";
import { type CertificateRequest, makeCertificates } from "../control-plane/certificates.ts";
import { kubeconfigText } from "../control-plane/kubeconfig.ts";
import type { NodeNetwork } from "./network.ts";

/** Network of the pods of a node. It exists only inside the node, so all clusters use the same. */
export const podNetwork = "10.244.0.0/16";

/** Address of the cluster's DNS service. */
export const dnsAddress = "10.96.0.10";

/** Port of the image registry, on the loopback interface of the node. */
export const registryPort = 5000;

/** The image whose process holds a pod's namespaces open. */
export const pauseImage = "registry.k8s.io/pause:3.10.1";

/** Everything the configuration of a node depends on. */
export type NodeSettings = {
  readonly name: string;
  readonly folder: string;
  readonly network: NodeNetwork;
  /** Control group of the pods. */
  readonly podGroup: string;
};

/** Who talks to the API server from outside of a pod; each has a kubeconfig of its own. */
const users: readonly CertificateRequest[] = [
  { file: "admin", commonName: "admin", organization: "system:masters" },
  { file: "kube-controller-manager", commonName: "system:kube-controller-manager" },
  { file: "kube-scheduler", commonName: "system:kube-scheduler" },
  { file: "kube-proxy", commonName: "system:kube-proxy" },
  { file: "coredns", commonName: "coredns", organization: "system:masters" },
  { file: "traefik", commonName: "traefik", organization: "system:masters" },
  { file: "provisioner", commonName: "provisioner", organization: "system:masters" },
];

/** Path of the kubeconfig of a user. */
export function kubeconfigPath(folder: string, user: string): string {
  return join(folder, "config", `${user}.kubeconfig`);
}

/** URL of the API server of a node. */
export function apiServerUrl(network: NodeNetwork): string {
  return `https://${network.nodeAddress}:6443`;
}

function certificateRequests({ name, network }: NodeSettings): readonly CertificateRequest[] {
  const serviceNames = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost"];
  const kubelet = { file: "kubelet", commonName: `system:node:${name}`, organization: "system:nodes" };
  const address = `IP:${network.nodeAddress}`;
  return [
    ...users,
    { ...kubelet, names: [`DNS:${name}`, address] },
    {
      file: "api-server",
      commonName: "kube-apiserver",
      names: [
        ...serviceNames.map((dnsName) => `DNS:${dnsName}`),
        ...["DNS:kubernetes.default.svc.cluster.local", "IP:127.0.0.1", "IP:10.96.0.1", address],
      ],
    },
    { file: "api-server-client", commonName: "kube-apiserver-kubelet-client", organization: "system:masters" },
    { file: "front-proxy-client", commonName: "front-proxy-client" },
  ];
}

/** Configuration of containerd. Every image comes from the node's own registry, whatever registry its name says. */
function containerdConfig({ folder }: NodeSettings): string {
  return `version = 2
root = "${folder}/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "${folder}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  restrict_oom_score_adj = true # CAP_SYS_RESOURCE may be missing
  disable_apparmor = true # a profile would be loaded into the kernel of the whole machine
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${folder}/config/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "${folder}/config/registries"
`;
}

const registryHosts = `server = "http://127.0.0.1:${registryPort}"
[host."http://127.0.0.1:${registryPort}"]
  capabilities = ["pull", "resolve"]
`;

function registryConfig({ folder }: NodeSettings): object {
  return {
    version: 0.1,
    log: { level: "warn", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, "registry") }, delete: { enabled: true } },
    http: { addr: `127.0.0.1:${registryPort}` },
  };
}

/** Point-to-point links rather than a bridge: what two pods of a node say to each other then passes kube-proxy's rules. */
const cniConfig = {
  cniVersion: "0.4.0",
  name: "pods",
  plugins: [
    {
      type: "ptp",
      ipMasq: true,
      ipam: {
        type: "host-local",
        dataDir: "/run/cni", // forgotten with the node, as the pods' namespaces are
        ranges: [[{ subnet: podNetwork }]],
        routes: [{ dst: "0.0.0.0/0" }],
      },
    },
    { type: "portmap", capabilities: { portMappings: true } },
  ],
};

function kubeletConfig({ folder, network, podGroup }: NodeSettings): object {
  const certificates = join(folder, "certificates");
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: join(certificates, "ca.crt") },
    },
    authorization: { mode: "Webhook" },
    tlsCertFile: join(certificates, "kubelet.crt"),
    tlsPrivateKeyFile: join(certificates, "kubelet.key"),
    healthzBindAddress: network.nodeAddress,
    containerRuntimeEndpoint: `unix://${folder}/containerd.sock`,
    clusterDNS: [dnsAddress],
    clusterDomain: "cluster.local",
    resolvConf: join(folder, "config", "resolv.conf"),
    podLogsDir: join(folder, "pod-logs"),
    volumePluginDir: join(folder, "kubelet", "volume-plugins"),
    cgroupDriver: "cgroupfs",
    cgroupRoot: podGroup,
    failCgroupV1: false,
    failSwapOn: false,
    oomScoreAdj: 0, // a lower one needs CAP_SYS_RESOURCE
    featureGates: { KubeletInUserNamespace: true }, // carry on where the node may not set the machine's own settings
    makeIPTablesUtilChains: false,
    maxPods: 250,
    // The machine is not ours: only its very last resources are a reason to evict, and images are never collected.
    evictionHard: { "memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%" },
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    // Volumes of ConfigMaps and Secrets follow within seconds, which tests would otherwise wait a minute for.
    syncFrequency: "10s",
    volumeStatsAggPeriod: "10s", // how full they are, likewise
  };
}

const kubeProxyConfig = ({ folder, network }: NodeSettings): object => ({
  apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
  kind: "KubeProxyConfiguration",
  clientConnection: { kubeconfig: kubeconfigPath(folder, "kube-proxy") },
  mode: "nftables",
  clusterCIDR: podNetwork,
  healthzBindAddress: `${network.nodeAddress}:10256`,
  // Zero leaves the machine's settings alone; they are read-only in a network namespace.
  conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: "0s", tcpCloseWaitTimeout: "0s" },
});

/**
 * Names of services, and all names that end in .localhost or .test, which lead to the ingress: a browser on this
 * machine takes NAME.localhost for the machine itself, so the same URL works there and in pods. No other name is known.
 */
function coreDnsConfig({ folder, network }: NodeSettings): string {
  const { nodeAddress } = network;
  return `cluster.local in-addr.arpa {
  bind ${nodeAddress}
  errors
  ready ${nodeAddress}:10281
  kubernetes cluster.local in-addr.arpa {
    kubeconfig ${kubeconfigPath(folder, "coredns")}
    pods insecure
    ttl 5
  }
}
localhost test {
  bind ${nodeAddress}
  errors
  template IN A {
    answer "{{ .Name }} 60 IN A ${nodeAddress}"
  }
  template IN ANY {
    rcode NOERROR
  }
}
. {
  bind ${nodeAddress}
  errors
  template IN ANY {
    rcode NXDOMAIN
  }
}
`;
}

/** Leaves a file alone that has this text already: kube-proxy ends when its configuration is so much as touched. */
function writeChanged(path: string, text: string): void {
  if (existsSync(path) && readFileSync(path, "utf8") === text) return;
  writeFileSync(path, text, { mode: 0o600 });
}

/** Writes every certificate, kubeconfig and configuration file of a node. The same settings give the same files. */
export async function writeNodeFiles(settings: NodeSettings): Promise<void> {
  const { folder, name, network } = settings;
  const certificates = join(folder, "certificates");
  const write = (file: string, text: string): void => writeChanged(join(folder, "config", file), text);
  mkdirSync(join(folder, "config", "cni"), { recursive: true });
  mkdirSync(join(folder, "config", "registries", "_default"), { recursive: true });
  makeCertificates(certificates, certificateRequests(settings));
  for (const user of [...users.map(({ file }) => file), "kubelet"]) {
    const [certificateFile, keyFile] = [join(certificates, `${user}.crt`), join(certificates, `${user}.key`)];
    const credentials = { kind: "Certificate", certificateFile, keyFile } as const;
    const authority = join(certificates, "ca.crt");
    const text = kubeconfigText(`amalthea-${name}`, apiServerUrl(network), authority, credentials);
    writeChanged(kubeconfigPath(folder, user), text);
  }
  write("audit-policy.yaml", auditPolicyText);
  write("containerd.toml", containerdConfig(settings));
  write("registries/_default/hosts.toml", registryHosts);
  write("registry.yaml", stringify(registryConfig(settings)));
  write("cni/10-pods.conflist", JSON.stringify(cniConfig, undefined, 2));
  write("kubelet.yaml", stringify(kubeletConfig(settings)));
  write("kube-proxy.yaml", stringify(kubeProxyConfig(settings)));
  write("Corefile", coreDnsConfig(settings));
  write("resolv.conf", `nameserver ${dnsAddress}\n`);
}
