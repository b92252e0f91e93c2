import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { apiServerFlags, httpsStatus, auditPolicyText } from "./api-server.ts";
import { buildExtra, buildGoPrograms, componentCommand } from "../build/build.ts";
import { makeCertificates } from "./certificates.ts";
import { ChildComponent } from "./child-component.ts";
import { ClusterError } from "../errors.ts";
import { fakeNodes } from "./fake-nodes.ts";
import { freePort } from "./free-port.ts";
import { kubeconfigText } from "./kubeconfig.ts";
import { type Progress, silent, step } from "../progress.ts";
import { run, type RunOptions, type RunResult } from "../run.ts";
import { waitUntil } from "../wait.ts";

/** Somebody who may log in with a fixed token. */
export type TokenUser = { readonly name: string; readonly token: string; readonly groups?: readonly string[] };

/** Options of a control plane. */
export type ControlPlaneOptions = {
  /** Start kube-controller-manager too: garbage collection, StatefulSets, ServiceAccounts. Default false. */
  readonly controllerManager?: boolean;
  /**
   * Number of nodes simulated by kwok, with a scheduler: pods become Ready although nothing runs. Each accepts 110
   * pods. Wants `controllerManager`; kwok is built first if it is not in the cache, which takes minutes. Default 0:
   * pods stay pending.
   */
  readonly fakeNodes?: number;
  /** Further users; what they may do is up to RBAC objects. */
  readonly users?: readonly TokenUser[];
  /** Added to the command line of kube-apiserver; a repeated flag wins. */
  readonly apiServerFlags?: readonly string[];
  /** Added to the command line of kube-controller-manager. */
  readonly controllerManagerFlags?: readonly string[];
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
};

/** An API server on loopback with throw-away data. */
export interface ControlPlane extends AsyncDisposable {
  readonly url: string;
  /** PEM text of the authority that signed the server's certificate. */
  readonly certificateAuthority: string;
  /** Token of a member of system:masters. */
  readonly adminToken: string;
  /** Path of the admin's kubeconfig. */
  readonly kubeconfig: string;
  /** Path of the audit log: one JSON object a line, level Metadata. */
  readonly auditLogPath: string;
  readonly apiServer: ChildComponent;
  readonly etcd: ChildComponent;
  /** Present when it was asked for. */
  readonly controllerManager: ChildComponent | undefined;
  /** Writes a kubeconfig for another token and returns its path. */
  kubeconfigFor(token: string): string;
  kubectl(args: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** Compacts etcd's history up to now. */
  compact(): Promise<void>;
  /** Ends all processes and removes the data. */
  stop(): Promise<void>;
}

const startTimeoutSeconds = 60;

type Setting = {
  readonly folder: string;
  readonly etcdUrl: string;
  readonly etcdPeerUrl: string;
  readonly port: number;
  readonly url: string;
  readonly adminToken: string;
};

async function prepare(options: ControlPlaneOptions): Promise<Setting> {
  const folder = mkdtempSync(join(tmpdir(), "amalthea-control-plane-"));
  const [etcdPort, etcdPeerPort, port] = await Promise.all([freePort(), freePort(), freePort()]);
  const adminToken = randomBytes(16).toString("hex");
  const admin: TokenUser = { name: "admin", token: adminToken, groups: ["system:masters"] };
  const tokens = [admin, ...(options.users ?? [])].map(
    ({ name, token, groups }) => `${token},${name},${name},"${(groups ?? []).join(",")}"\n`,
  );
  writeFileSync(join(folder, "tokens.csv"), tokens.join(""), { mode: 0o600 });
  writeFileSync(join(folder, "audit-policy.yaml"), auditPolicyText);
  makeCertificates(join(folder, "certificates"), [
    { file: "api-server", commonName: "kube-apiserver", names: ["DNS:localhost", "IP:127.0.0.1", "IP:10.96.0.1"] },
  ]);
  const etcdUrl = `http://127.0.0.1:${etcdPort}`;
  const etcdPeerUrl = `http://127.0.0.1:${etcdPeerPort}`;
  return { folder, etcdUrl, etcdPeerUrl, port, url: `https://127.0.0.1:${port}`, adminToken };
}

function etcdOf({ folder, etcdUrl, etcdPeerUrl }: Setting): ChildComponent {
  const command = [
    ...componentCommand("etcd"),
    ...["--name=default", `--data-dir=${join(folder, "etcd")}`],
    ...[`--listen-client-urls=${etcdUrl}`, `--advertise-client-urls=${etcdUrl}`],
    ...[`--listen-peer-urls=${etcdPeerUrl}`, `--initial-advertise-peer-urls=${etcdPeerUrl}`],
    ...[`--initial-cluster=default=${etcdPeerUrl}`, "--unsafe-no-fsync", "--log-level=warn"],
  ] as const;
  return new ChildComponent("etcd", command, join(folder, "etcd.log"), async (etcd) => {
    const isHealthy = async (): Promise<boolean> => {
      etcd.checkRunning();
      const answer = await fetch(`${etcdUrl}/health`).catch(() => undefined);
      return answer?.ok ?? false;
    };
    await waitUntil(isHealthy, { what: `etcd at ${etcdUrl}`, timeoutSeconds: startTimeoutSeconds });
  });
}

function apiServerOf(setting: Setting, extraFlags: readonly string[]): ChildComponent {
  const { folder, etcdUrl, port, url } = setting;
  const certificates = join(folder, "certificates");
  const authority = readFileSync(join(certificates, "ca.crt"), "utf8");
  const command = [
    ...componentCommand("kube-apiserver"),
    ...apiServerFlags({
      ...{ etcdUrl, port, certificates, address: "127.0.0.1" },
      ...{ auditPolicy: join(folder, "audit-policy.yaml"), auditLog: join(folder, "audit.log") },
    }),
    `--token-auth-file=${join(folder, "tokens.csv")}`,
    "--endpoint-reconciler-type=none", // a loopback address may not be an endpoint
    ...extraFlags,
  ] as const;
  return new ChildComponent("kube-apiserver", [...command], join(folder, "kube-apiserver.log"), async (server) => {
    const isReady = async (): Promise<boolean> => {
      server.checkRunning();
      return (await httpsStatus(`${url}/readyz`, authority)) === 200;
    };
    await waitUntil(isReady, { what: `kube-apiserver at ${url}`, timeoutSeconds: startTimeoutSeconds });
  });
}

async function controllerManagerOf(
  { folder, url, adminToken }: Setting,
  kubeconfig: string,
  extraFlags: readonly string[],
): Promise<ChildComponent> {
  const port = await freePort();
  const certificates = join(folder, "certificates");
  const authority = readFileSync(join(certificates, "ca.crt"), "utf8");
  const command = [
    ...componentCommand("kube-controller-manager"),
    `--kubeconfig=${kubeconfig}`,
    ...[`--authentication-kubeconfig=${kubeconfig}`, `--authorization-kubeconfig=${kubeconfig}`],
    ...["--bind-address=127.0.0.1", `--secure-port=${port}`, `--cert-dir=${certificates}`, "--leader-elect=false"],
    ...["--use-service-account-credentials=true", `--root-ca-file=${certificates}/ca.crt`],
    `--service-account-private-key-file=${certificates}/service-account.key`,
    ...extraFlags,
  ] as const;
  const logFile = join(folder, "kube-controller-manager.log");
  return new ChildComponent("kube-controller-manager", [...command], logFile, async (manager) => {
    const account = `${url}/api/v1/namespaces/default/serviceaccounts/default`;
    const hasDefaultAccount = async (): Promise<boolean> => {
      manager.checkRunning();
      return (await httpsStatus(account, authority, adminToken)) === 200;
    };
    const what = "kube-controller-manager to make the first ServiceAccount";
    await waitUntil(hasDefaultAccount, { what, timeoutSeconds: startTimeoutSeconds });
  });
}

async function runKubectl(kubeconfig: string, args: readonly string[], options?: RunOptions): Promise<RunResult> {
  const [program, ...first] = componentCommand("kubectl");
  return await run(program, [...first, `--kubeconfig=${kubeconfig}`, ...args], options);
}

async function compactEtcd(etcdUrl: string): Promise<void> {
  const call = async (path: string, body: object): Promise<unknown> => {
    const response = await fetch(`${etcdUrl}/v3/kv/${path}`, { method: "POST", body: JSON.stringify(body) });
    if (!response.ok) throw new ClusterError(`etcd refused ${path}: ${await response.text()}`);
    return await response.json();
  };
  const key = Buffer.from("/").toString("base64");
  const found = (await call("range", { key })) as { readonly header: { readonly revision: string } };
  await call("compaction", { revision: found.header.revision, physical: true });
}

/**
 * Starts etcd and kube-apiserver on free ports of 127.0.0.1, in about four seconds; several may run at once, and root
 * is not needed. They end with this process at the latest. Builds the programs first if they are neither in the cache
 * nor in the folder that `KUBEBUILDER_ASSETS` names.
 *
 * Throws ClusterError, naming the log, when a component does not become ready within 60 seconds.
 */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const progress = options.progress ?? silent;
  await buildGoPrograms(progress, options.signal);
  if (options.fakeNodes) await buildExtra("kwok", progress, options.signal);
  const setting = await prepare(options);
  const { folder, url } = setting;
  const certificateAuthority = join(folder, "certificates", "ca.crt");
  const kubeconfigFor = (token: string): string => {
    const path = join(folder, `kubeconfig-${randomBytes(4).toString("hex")}`);
    const text = kubeconfigText("control-plane", url, certificateAuthority, { kind: "Token", token });
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const kubeconfig = kubeconfigFor(setting.adminToken);
  const etcd = etcdOf(setting);
  const apiServer = apiServerOf(setting, options.apiServerFlags ?? []);
  const controllerManager = options.controllerManager
    ? await controllerManagerOf(setting, kubeconfig, options.controllerManagerFlags ?? [])
    : undefined;
  const kubectl = (args: readonly string[], runOptions?: RunOptions): Promise<RunResult> =>
    runKubectl(kubeconfig, args, runOptions);
  const count = options.fakeNodes ?? 0;
  const nodes = count > 0 ? await fakeNodes({ folder, kubeconfig, kubectl }, count) : [];
  const inOrder = [etcd, apiServer, ...(controllerManager ? [controllerManager] : []), ...nodes];
  const end = (): Promise<unknown> => Promise.all(inOrder.map((component) => component.stop()));
  const stop = async (): Promise<void> => {
    await end();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    for (const component of inOrder) {
      await step(progress, `${component.name} ready`, () => component.start());
    }
  } catch (error) {
    await end(); // the logs stay: the error names them
    throw error;
  }
  return {
    ...{ url, kubeconfig, apiServer, etcd, controllerManager, kubeconfigFor, kubectl, stop },
    adminToken: setting.adminToken,
    certificateAuthority: readFileSync(certificateAuthority, "utf8"),
    auditLogPath: join(folder, "audit.log"),
    compact: () => compactEtcd(setting.etcdUrl),
    [Symbol.asyncDispose]: stop,
  };
}
