import { request } from "node:https";
import { stringify } from "yaml";

/**
 * Audit policy of every API server of this package: one line for each finished request and each opened watch, without
 * bodies, so that tests can count the calls of one user.
 */
export const auditPolicyText: string = stringify({
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  rules: [{ level: "Metadata" }],
});

/** Files and addresses of one API server. */
export type ApiServerSettings = {
  readonly etcdUrl: string;
  readonly address: string;
  readonly port: number;
  /** Folder of ca, api-server and service-account files. */
  readonly certificates: string;
  readonly auditPolicy: string;
  readonly auditLog: string;
};

/** Network of the services; the first address is the API server's own. */
export const serviceNetwork = "10.96.0.0/16";

/** Command line that every API server of this package shares. */
export function apiServerFlags(settings: ApiServerSettings): readonly string[] {
  const { certificates } = settings;
  return [
    `--etcd-servers=${settings.etcdUrl}`,
    `--bind-address=${settings.address}`,
    `--secure-port=${settings.port}`,
    `--tls-cert-file=${certificates}/api-server.crt`,
    `--tls-private-key-file=${certificates}/api-server.key`,
    `--client-ca-file=${certificates}/ca.crt`,
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    `--service-account-key-file=${certificates}/service-account.key`,
    `--service-account-signing-key-file=${certificates}/service-account.key`,
    `--service-cluster-ip-range=${serviceNetwork}`,
    "--authorization-mode=Node,RBAC",
    "--allow-privileged=true",
    "--profiling=false",
    `--audit-policy-file=${settings.auditPolicy}`,
    `--audit-log-path=${settings.auditLog}`,
    "--audit-log-maxsize=200", // megabytes, before the log is rotated
    "--audit-log-maxbackup=2",
  ];
}

/** Status code of an HTTPS GET, or undefined without a response within two seconds. @param token Default: none. */
export async function httpsStatus(url: string, authority: string, token?: string): Promise<number | undefined> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return await new Promise((resolve) => {
    const call = request(url, { ca: authority, agent: false, timeout: 2000, headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    call.once("timeout", () => call.destroy());
    call.once("error", () => resolve(undefined));
    call.end();
  });
}
