import { once } from "node:events";
import { defaultClusterName, down, exists } from "@amalthea/cluster";
import { clusterOptions, parseCommandLine } from "./command-line.ts";
import { install, kubectl, runStep } from "./install.ts";
import { startLoginSample } from "./login-sample.ts";
import { provideCluster, type TargetCluster } from "./provide-cluster.ts";
import { reportFailure } from "./report-failure.ts";
import { waitUntilAnswers } from "./wait-until-answers.ts";

/**
 * `npm start [-- --detach | --context NAME]`: a cluster, Amalthea on it, and two sample servers, one with a token and (in
 * a cluster of ours) one with a login at a demo identity provider, whose URLs are printed when they answer. In the
 * foreground, Ctrl-C ends and removes the cluster; with `--detach`, `npm stop` does.
 */
const SAMPLE = { name: "sample", namespace: "default", host: "localhost", path: "/sample" } as const;

const { values } = parseCommandLine({ ...clusterOptions, detach: { type: "boolean", default: false } });

const staysInForeground = values.context === undefined && !values.detach;
const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => interrupted.abort());

async function main(signal: AbortSignal): Promise<void> {
  const start = performance.now();
  if (values.context === undefined && exists()) {
    console.log(
      `  the cluster "${defaultClusterName}" already exists, with everything in it; ${staysInForeground ? "Ctrl-C" : "npm stop"} removes it`,
    );
  }
  const target = await provideCluster({ ...values, name: defaultClusterName }, signal);
  const installation = await install(target, signal);
  const [url, login] = await Promise.all([
    startSample(target, installation.jupyterImage, signal),
    // An identity provider with passwords that everybody knows has no place in a cluster of the user's.
    values.context === undefined ? startLoginSample(target, installation, signal) : [],
  ]);
  console.log(`  ready after ${Math.round((performance.now() - start) / 1000)} s\n`);
  if (login.length > 0) console.log([...login, ""].join("\n"));
  console.log(`JupyterLab: ${url}`);
  if (values.context !== undefined) return;
  const end = staysInForeground ? "Ctrl-C" : "npm stop";
  console.log(`\nFor kubectl: export KUBECONFIG=${target.kubeconfig}, or npm run cluster -- kubectl ARGS…`);
  console.log(`${end} stops the cluster and removes it.`);
  if (!staysInForeground) return;
  const keepAlive = setInterval(() => undefined, 60_000); // waiting for a signal alone does not keep a process
  await once(signal, "abort");
  clearInterval(keepAlive);
}

/** Applies the sample, waits until it answers, and returns the address that logs the browser in. */
async function startSample(target: TargetCluster, image: string, signal: AbortSignal): Promise<string> {
  const { name, namespace, host, path } = SAMPLE;
  const server = {
    apiVersion: "amalthea.dev/v1alpha1",
    kind: "JupyterServer",
    metadata: { name, namespace },
    spec: {
      jupyterServer: { image },
      routing: { host, path, externalUrl: target.ingressUrl },
      storage: { size: "1Gi", pvc: { enabled: true } },
    },
  };
  await kubectl(target, ["apply", "-f", "-"], signal, JSON.stringify(server));
  const wait = ["wait", `jupyterserver/${name}`, "-n", namespace, "--for=condition=Ready", "--timeout=5m"];
  await runStep(`sample server ${namespace}/${name} ready`, target, "kubectl", wait, signal);
  const read = (kind: string, field: string): Promise<string> =>
    kubectl(target, ["get", kind, name, "-n", namespace, "-o", `jsonpath={${field}}`], signal);
  const token = Buffer.from(await read("secret", ".data.jupyterServerAppToken"), "base64").toString();
  const url = `${await read("jupyterserver", ".status.url")}/lab?token=${token}`;
  await waitUntilAnswers(url, target.ingressUrl, signal);
  return url;
}

try {
  await main(interrupted.signal);
} catch (error) {
  if (!interrupted.signal.aborted) {
    reportFailure(error);
    if (values.context === undefined && exists())
      console.error("\nWhat was started is kept for inspection; npm stop removes it.");
  }
}
if (staysInForeground && interrupted.signal.aborted) await down(defaultClusterName, console.log).catch(reportFailure);
