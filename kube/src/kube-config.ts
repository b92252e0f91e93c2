/** How to reach an API server, and as whom. */
export type KubeConfig = {
  /** `https://host:port`, without a path. */
  readonly server: string;
  /** PEM of the authorities to trust; read again from time to time. Absent: the system's. */
  readonly readCa: (() => Promise<string>) | undefined;
  /** The bearer token; read again from time to time. */
  readonly readToken: (() => Promise<string>) | undefined;
  readonly clientCertificate?: { readonly cert: string; readonly key: string } | undefined;
  /** Name to check the server's certificate against, if not its host. */
  readonly tlsServerName?: string | undefined;
  readonly insecureSkipTlsVerify?: boolean | undefined;
  /** The namespace that the context or the pod is in; `default` if neither says. */
  readonly namespace: string;
};

/**
 * The configuration of a pod, from its service account.
 * @param env Of it `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT` are read.
 * @returns undefined outside a pod.
 */
export declare function inClusterConfig(
  env: Readonly<Record<string, string | undefined>>,
  directory?: string,
): Promise<KubeConfig | undefined>;

/**
 * Reads a kubeconfig file: server, certificate authority, token or client certificate, in files or inline.
 * @param context Default: `current-context`.
 * @throws KubeConfigError if the file is absent, names no such context, or needs a credential plugin.
 */
export declare function readKubeConfig(path: string, context?: string): Promise<KubeConfig>;
