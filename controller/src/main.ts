import { randomUUID } from "node:crypto";
import { homedir, hostname } from "node:os";
import { join } from "node:path";
import {
  type ClientOptions,
  createClient,
  inClusterConfig,
  type KubeConfig,
  type KubeClient,
  KubeConfigError,
  type Logger,
  readKubeConfig,
  systemClock,
} from "@amalthea/kube";
import { runOperator } from "./operator/operator.ts";
import { type ControllerConfig, readConfig } from "./config/config.ts";
import { ConfigError } from "./config/environment.ts";
import { createLogger } from "./operator/logger.ts";
import { FORCED_EXIT_MS } from "./operator/stop-times.ts";
import { kubeletConnector } from "./usage/kubelet-connector.ts";
import { Metrics } from "./operator/metrics.ts";
import { ServerTime } from "./operator/server-time.ts";
import packageJson from "../package.json" with { type: "json" };

async function main(): Promise<void> {
  const config = readConfig(process.env);
  const logger = createLogger(config.logLevel);
  for (const warning of config.warnings) logger.warn({ warning }, "configuration");
  const stop = stopOnSignals(logger);
  try {
    await run(config, logger, stop);
    logger.info({}, "stopped");
  } catch (err) {
    if (err instanceof KubeConfigError) throw err;
    logger.error({ err }, "the controller exits");
    process.exitCode = 1;
  }
  // Nothing of ours is left; a socket that somebody else keeps open must not keep the process alive.
  process.exit();
}

async function run(config: ControllerConfig, logger: Logger, stop: AbortSignal): Promise<void> {
  const { kubeConfig, isInCluster } = await findKubeConfig();
  const { version } = packageJson;
  const metrics = new Metrics(config.metrics.legacy);
  const serverTime = new ServerTime(systemClock);
  const options: ClientOptions = {
    config: kubeConfig,
    userAgent: `amalthea/${version}`,
    onResult: (call) => {
      metrics.apiCall(call);
      serverTime.heard(call);
    },
    logger,
  };
  const [client, leaseClient] = [createClient(options), createClient(options)];
  const ownNamespace = config.podNamespace ?? kubeConfig.namespace;
  const identity = `${config.podName ?? hostname()}_${randomUUID()}`;
  logger.info({ version, server: kubeConfig.server, ownNamespace, scope: config.scope }, "starting");
  try {
    if (!isInCluster) await requireAnswer(client, kubeConfig, stop);
    const connectKubelet = kubeletConnector(kubeConfig, config.usage.kubelet?.caFile, options.userAgent);
    const common = { config, client, leaseClient, connectKubelet, ownNamespace, identity, metrics, version, logger };
    await runOperator({ ...common, serverTime }, stop);
  } finally {
    await Promise.all([client.close(), leaseClient.close()]);
  }
}

/**
 * A person who starts the program by hand wants to know at once; in a cluster the process waits for the API server.
 * @throws KubeConfigError with one sentence.
 */
async function requireAnswer(client: KubeClient, { server }: KubeConfig, stop: AbortSignal): Promise<void> {
  try {
    await client.getText("/version", stop);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new KubeConfigError(`the API server at ${server} refuses or does not respond: ${reason}`, { cause });
  }
}

/** The file that KUBECONFIG names, else the pod's service account, else the file that kubectl would use. */
async function findKubeConfig(): Promise<{ readonly kubeConfig: KubeConfig; readonly isInCluster: boolean }> {
  const { KUBECONFIG: path = "", KUBE_CONTEXT: context } = process.env;
  const inCluster = path === "" ? await inClusterConfig(process.env) : undefined;
  if (inCluster !== undefined) return { kubeConfig: inCluster, isInCluster: true };
  const file = path === "" ? join(homedir(), ".kube", "config") : path;
  return { kubeConfig: await readKubeConfig(file, context), isInCluster: false };
}

function stopOnSignals(logger: Logger): AbortSignal {
  const stop = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) {
    // Not `once`: npm, timeout and terminals send a signal twice, and the second would kill the process half-way.
    process.on(name, () => {
      if (stop.signal.aborted) return;
      logger.info({ signal: name }, "stopping");
      setTimeout(() => process.exit(1), FORCED_EXIT_MS).unref();
      stop.abort();
    });
  }
  return stop.signal;
}

main().catch((error: unknown) => {
  // Before there is a logger, or about what the person who started us can fix: sentences, no stack.
  const problems =
    error instanceof ConfigError ? error.problems : [error instanceof Error ? error.message : String(error)];
  for (const problem of problems) process.stderr.write(`amalthea: ${problem}\n`);
  process.exit(1);
});
