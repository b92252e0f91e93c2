import { connect, type NetConnectOpts } from "node:net";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { readFileSync } from "node:fs";
import { apiServerFlags, httpsStatus } from "../control-plane/api-server.ts";
import { binaryPath, componentCommand, type KubernetesProgram } from "../build/build.ts";
import { isListening, type Component, type Node } from "./node.ts";
import { apiServerUrl, kubeconfigPath, type NodeSettings, registryPort } from "./files.ts";

/** A component, and how to see from outside that it serves. */
export type ServingComponent = Component & {
  /** Completes "waiting for …". */
  readonly readiness: string;
  readonly isReady: (node: Node) => Promise<boolean>;
};

/** Settings of a node and the port of this machine that leads to its ingress. */
export type ComponentSettings = NodeSettings & { readonly ingressPort: number };

/** Ports of the node that the components listen on. The ingress cannot be published under one of them. */
const ports = {
  ...{ dns: 53, etcd: 2379, etcdPeers: 2380, etcdMetrics: 2381, registry: registryPort, apiServer: 6443 },
  ...{ kubeletHealth: 10248, kubelet: 10250, kubeProxyHealth: 10256, controllerManager: 10257, scheduler: 10259 },
  ...{ kubeProxyMetrics: 10249, ping: 10280, dnsReady: 10281 },
} as const;

/** Whether a component of the node itself listens on this port. */
export function isNodePort(port: number): boolean {
  return Object.values<number>(ports).includes(port);
}

const respondsAt = async (url: string): Promise<boolean> =>
  await fetch(url, { signal: AbortSignal.timeout(2000) }).then(
    (response) => response.ok,
    () => false,
  );

async function acceptsConnections(target: NetConnectOpts): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(target);
    const answer = (accepted: boolean) => (): void => {
      socket.destroy();
      resolve(accepted);
    };
    socket.once("connect", answer(true)).once("error", answer(false));
  });
}

const kubernetes = (name: KubernetesProgram, ...args: readonly string[]): readonly [string, ...string[]] => [
  ...componentCommand(name),
  ...args,
];

const respond = (url: string): Pick<ServingComponent, "readiness" | "isReady"> => ({
  readiness: url,
  isReady: () => respondsAt(url),
});

const listen = (port: number): Pick<ServingComponent, "readiness" | "isReady"> => ({
  readiness: `port ${port} of the node`,
  isReady: (node) => Promise.resolve(isListening(node, port)),
});

function etcd({ folder, network }: ComponentSettings): ServingComponent {
  const metrics = `http://${network.nodeAddress}:${ports.etcdMetrics}`;
  const command = kubernetes(
    "etcd",
    ...["--name=default", `--data-dir=${join(folder, "etcd")}`],
    ...["--listen-client-urls=http://127.0.0.1:2379", "--advertise-client-urls=http://127.0.0.1:2379"],
    ...["--listen-peer-urls=http://127.0.0.1:2380", "--initial-advertise-peer-urls=http://127.0.0.1:2380"],
    ...["--initial-cluster=default=http://127.0.0.1:2380", `--listen-metrics-urls=${metrics}`],
    // A killed process loses nothing by it; after a power failure the cluster is recreated.
    ...["--unsafe-no-fsync", "--log-level=warn"],
  );
  return { name: "etcd", command, ...respond(`${metrics}/health`) };
}

function apiServer({ folder, network }: ComponentSettings): ServingComponent {
  const certificates = join(folder, "certificates");
  const files = { auditPolicy: join(folder, "config", "audit-policy.yaml"), auditLog: join(folder, "audit.log") };
  const address = { address: "0.0.0.0", port: ports.apiServer, etcdUrl: "http://127.0.0.1:2379" };
  const command = kubernetes(
    "kube-apiserver",
    ...apiServerFlags({ certificates, ...files, ...address }),
    `--advertise-address=${network.nodeAddress}`,
    "--enable-admission-plugins=NodeRestriction",
    `--kubelet-certificate-authority=${certificates}/ca.crt`,
    `--kubelet-client-certificate=${certificates}/api-server-client.crt`,
    `--kubelet-client-key=${certificates}/api-server-client.key`,
    "--kubelet-preferred-address-types=InternalIP", // the node's name is in no DNS
    `--requestheader-client-ca-file=${certificates}/ca.crt`,
    "--requestheader-allowed-names=front-proxy-client", // the authority signs other certificates, too
    "--requestheader-username-headers=X-Remote-User",
    "--requestheader-group-headers=X-Remote-Group",
    "--requestheader-extra-headers-prefix=X-Remote-Extra-",
    `--proxy-client-cert-file=${certificates}/front-proxy-client.crt`,
    `--proxy-client-key-file=${certificates}/front-proxy-client.key`,
  );
  const url = `${apiServerUrl(network)}/readyz`;
  const isReady = async (): Promise<boolean> => {
    return (await httpsStatus(url, readFileSync(`${certificates}/ca.crt`, "utf8"))) === 200;
  };
  const read = [files.auditPolicy, `${certificates}/ca.crt`, `${certificates}/api-server.crt`];
  return { name: "kube-apiserver", command, files: read, readiness: url, isReady };
}

function controllerManager({ folder }: ComponentSettings): ServingComponent {
  const certificates = join(folder, "certificates");
  const kubeconfig = kubeconfigPath(folder, "kube-controller-manager");
  const command = kubernetes(
    "kube-controller-manager",
    ...[`--kubeconfig=${kubeconfig}`, `--authentication-kubeconfig=${kubeconfig}`],
    ...[`--authorization-kubeconfig=${kubeconfig}`, "--bind-address=127.0.0.1", "--leader-elect=false"],
    ...["--use-service-account-credentials=true", `--root-ca-file=${certificates}/ca.crt`],
    `--service-account-private-key-file=${certificates}/service-account.key`,
    `--cert-dir=${folder}/kube-controller-manager`,
  );
  return { name: "kube-controller-manager", command, files: [kubeconfig], ...listen(ports.controllerManager) };
}

function scheduler({ folder }: ComponentSettings): ServingComponent {
  const kubeconfig = kubeconfigPath(folder, "kube-scheduler");
  const command = kubernetes(
    "kube-scheduler",
    ...[`--kubeconfig=${kubeconfig}`, `--authentication-kubeconfig=${kubeconfig}`],
    ...[`--authorization-kubeconfig=${kubeconfig}`, "--bind-address=127.0.0.1", "--leader-elect=false"],
    `--cert-dir=${folder}/kube-scheduler`,
  );
  return { name: "kube-scheduler", command, files: [kubeconfig], ...listen(ports.scheduler) };
}

function registry({ folder }: ComponentSettings): ServingComponent {
  const config = join(folder, "config", "registry.yaml");
  const command = ["docker-registry", "serve", config] as const;
  return { name: "docker-registry", command, files: [config], ...listen(ports.registry) };
}

function containerd({ folder }: ComponentSettings): ServingComponent {
  const config = join(folder, "config", "containerd.toml");
  const socket = join(folder, "containerd.sock");
  return {
    name: "containerd",
    command: ["containerd", "--config", config],
    files: [config],
    readiness: `its socket ${socket}`,
    isReady: () => acceptsConnections({ path: socket }),
  };
}

function kubelet({ name, folder, network }: ComponentSettings): ServingComponent {
  const [config, kubeconfig] = [join(folder, "config", "kubelet.yaml"), kubeconfigPath(folder, "kubelet")];
  const command = kubernetes(
    "kubelet",
    ...[`--config=${config}`, `--kubeconfig=${kubeconfig}`, `--root-dir=${join(folder, "kubelet")}`],
    ...[`--hostname-override=${name}`, `--node-ip=${network.nodeAddress}`],
  );
  const files = [config, kubeconfig, join(folder, "config", "resolv.conf")];
  return {
    name: "kubelet",
    command,
    files,
    ...respond(`http://${network.nodeAddress}:${ports.kubeletHealth}/healthz`),
  };
}

function kubeProxy({ name, folder, network }: ComponentSettings): ServingComponent {
  const config = join(folder, "config", "kube-proxy.yaml");
  const command = kubernetes("kube-proxy", `--config=${config}`, `--hostname-override=${name}`);
  const files = [config, kubeconfigPath(folder, "kube-proxy")];
  return {
    name: "kube-proxy",
    command,
    files,
    ...respond(`http://${network.nodeAddress}:${ports.kubeProxyHealth}/livez`),
  };
}

function coreDns({ folder, network }: ComponentSettings): ServingComponent {
  const config = join(folder, "config", "Corefile");
  const command = [binaryPath("coredns"), "-conf", config] as const;
  const files = [config, kubeconfigPath(folder, "coredns")];
  return { name: "coredns", command, files, ...respond(`http://${network.nodeAddress}:${ports.dnsReady}/ready`) };
}

function provisioner({ name, folder }: ComponentSettings): ServingComponent {
  const kubeconfig = kubeconfigPath(folder, "provisioner");
  const command = [
    ...[binaryPath("provisioner"), `-kubeconfig=${kubeconfig}`, "-name=amalthea.dev/local-folders"],
    ...[`-root=${join(folder, "volumes")}`, `-node=${name}`],
  ] as const;
  const always = { readiness: "nothing", isReady: () => Promise.resolve(true) };
  return { name: "provisioner", command: [...command], files: [kubeconfig], ...always };
}

/**
 * The ingress controller listens on port 80 of the node, and also on the port under which this machine publishes it, so
 * that a URL with that port means the same in a pod and in a browser.
 */
function traefik({ folder, network, ingressPort }: ComponentSettings): ServingComponent {
  const kubeconfig = kubeconfigPath(folder, "traefik");
  const published = ingressPort === 80 ? [] : [`--entrypoints.published.address=:${ingressPort}`];
  const command = [
    ...[binaryPath("traefik"), "--global.checknewversion=false", "--global.sendanonymoususage=false"],
    ...["--providers.kubernetesingress=true", "--providers.kubernetesingress.ingressclass=traefik"],
    `--providers.kubernetesingress.ingressendpoint.ip=${network.nodeAddress}`,
    ...["--entrypoints.web.address=:80", ...published],
    ...[`--entrypoints.ping.address=${network.nodeAddress}:${ports.ping}`, "--ping=true", "--ping.entrypoint=ping"],
    "--providers.providersthrottleduration=200ms", // default 2 s, which every new server would wait for
    ...["--log.level=WARN", "--log.nocolor=true"],
  ] as const;
  const serving = respond(`http://${network.nodeAddress}:${ports.ping}/ping`);
  return { name: "traefik", command: [...command], env: { KUBECONFIG: kubeconfig }, files: [kubeconfig], ...serving };
}

function publisher({ network, ingressPort }: ComponentSettings): ServingComponent {
  const program = fileURLToPath(new URL("publish-port.ts", import.meta.url));
  const command = [process.execPath, program, String(ingressPort), network.nodeAddress, "80"] as const;
  const isReady = (): Promise<boolean> => acceptsConnections({ host: "127.0.0.1", port: ingressPort });
  const readiness = `port ${ingressPort} of this machine`;
  return { name: "publish-port", command: [...command], onHost: true, readiness, isReady };
}

/** Everything that runs on a node: groups that are started together, each of which needs the groups before it. */
export function componentStages(settings: ComponentSettings): readonly (readonly ServingComponent[])[] {
  const stages = [
    [etcd, registry, containerd],
    [apiServer],
    [controllerManager, scheduler, kubelet, coreDns, provisioner, traefik, publisher],
    [kubeProxy], // started before the node is registered, it would take its address for a loopback one
  ];
  return stages.map((stage) => stage.map((component) => component(settings)));
}
