import type { EnvironmentReader } from "./environment.ts";

/** How the usage of servers is measured. */
export type UsageConfig = {
  /** Whether it is measured at all; CPU and memory by the metrics API. */
  readonly enabled: boolean;
  readonly intervalSeconds: number;
  /** How kubelets are queried for disk usage; undefined: they are not. */
  readonly kubelet: KubeletConfig | undefined;
};

export type KubeletConfig = {
  readonly port: number;
  /** Authorities that signed the kubelets' certificates; undefined: those that the API server is verified with. */
  readonly caFile: string | undefined;
  /** In the controller's namespace; kubelets receive a token of this one, never the controller's own. */
  readonly serviceAccount: string;
};

/** A value that is older than this, or than three rounds, is not shown as current. */
const MAX_AGE_SECONDS = 300;
const MAX_AGE_ROUNDS = 3;

/** How long a measured value counts as current, in seconds. */
export function usageMaxAgeSeconds({ intervalSeconds }: Pick<UsageConfig, "intervalSeconds">): number {
  return Math.max(MAX_AGE_SECONDS, MAX_AGE_ROUNDS * intervalSeconds);
}

/** Reads how usage is measured. The first two variables are those of 0.24. */
export function readUsage(reader: EnvironmentReader): UsageConfig {
  return {
    enabled: reader.flag("JUPYTER_SERVER_RESOURCE_CHECK_ENABLED", true),
    intervalSeconds: reader.integer("JUPYTER_SERVER_RESOURCE_CHECK_INTERVAL_SECONDS", 30, { min: 5, max: 3600 }),
    kubelet: readKubelet(reader),
  };
}

function readKubelet(reader: EnvironmentReader): KubeletConfig | undefined {
  const isAsked = reader.flag("KUBELET_STATS_ENABLED", false);
  const serviceAccount = reader.text("KUBELET_STATS_SERVICE_ACCOUNT");
  const port = reader.integer("KUBELET_STATS_PORT", 10_250, { min: 1, max: 65_535 });
  const caFile = reader.text("KUBELET_STATS_CA_FILE");
  if (!isAsked) return undefined;
  if (serviceAccount !== undefined) return { port, caFile, serviceAccount };
  reader.problems.push(
    "KUBELET_STATS_ENABLED needs KUBELET_STATS_SERVICE_ACCOUNT, the service account whose tokens are sent to kubelets",
  );
  return undefined;
}
