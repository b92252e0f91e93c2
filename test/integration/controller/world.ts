import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { binaryPath, type ControlPlane, type ControlPlaneOptions, startControlPlane } from "@amalthea/cluster";
import { createClient, kinds, type KubeClient, readKubeConfig } from "@amalthea/kube";
import { execFileSync } from "node:child_process";
import { parseAllDocuments } from "yaml";

/** The parts of a rendered chart's object that tests look at. */
export type Rendered = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec?: { readonly template?: { readonly spec?: PodSpec } };
};
type PodSpec = { readonly containers?: readonly Container[]; readonly terminationGracePeriodSeconds?: number };
type Container = { readonly env?: readonly { readonly name: string; readonly value?: string }[] };

/** A helm that was built from source knows no version of a cluster that it does not see. */
export const KUBE_VERSION = "--kube-version=1.35.0";

/** Values of the chart: as `--set` takes them, or as a file of values holds them. */
export type ChartValues = readonly string[] | Readonly<Record<string, unknown>>;

/** Folder of the chart. */
export const CHART: string = fileURLToPath(new URL("../../../helm-chart/amalthea", import.meta.url));

/** The chart as helm renders it. @throws Error with what helm says if it refuses. */
export function renderChart(
  values: ChartValues,
  kubeVersion: string = KUBE_VERSION,
  chart: string = CHART,
): readonly Rendered[] {
  const [given, input] = isList(values) ? [values.flatMap((value) => ["--set", value])] : [["--values=-"], values];
  const args = ["template", "amalthea", chart, "--namespace", "amalthea", ...given, kubeVersion];
  const text = execFileSync(binaryPath("helm"), args, {
    encoding: "utf8",
    stdio: "pipe",
    input: JSON.stringify(input) ?? "",
  });
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Rendered | null)
    .filter((object) => object !== null);
}

function isList(values: ChartValues): values is readonly string[] {
  return Array.isArray(values);
}

/** The environment that the chart gives to the controller. */
export function environmentOf(chart: readonly Rendered[]): Record<string, string> {
  const deployment = chart.find(({ kind }) => kind === "Deployment");
  const env = deployment?.spec?.template?.spec?.containers?.[0]?.env ?? [];
  return Object.fromEntries(env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])));
}

/** An API server on which the chart is installed, all but its Deployment: tests run the controller themselves. */
export type World = {
  readonly cluster: ControlPlane;
  /** A member of system:masters. */
  readonly admin: KubeClient;
  /** Path of a kubeconfig of the chart's service account, which may do what the chart's roles say and no more. */
  readonly controllerKubeconfig: string;
  readonly environment: Readonly<Record<string, string>>;
  makeNamespace(name: string): Promise<string>;
  stop(): Promise<void>;
};

const forever = new AbortController().signal;

export const CONTROLLER_USER = "system:serviceaccount:amalthea:amalthea";

export async function startWorld(values: ChartValues, options: ControlPlaneOptions = {}): Promise<World> {
  const cluster = await startControlPlane({ controllerManager: true, ...options });
  const chart = renderChart(values);
  const admin = createClient({ config: await readKubeConfig(cluster.kubeconfig), userAgent: "test/1" });
  const makeNamespace = async (name: string): Promise<string> => {
    await admin.create(kinds.Namespace, { apiVersion: "v1", kind: "Namespace", metadata: { name } }, {}, forever);
    return name;
  };
  await makeNamespace("amalthea");
  for (const { metadata } of chart.filter(({ kind }) => kind === "Role")) {
    if (metadata.namespace !== "amalthea") await makeNamespace(metadata.namespace ?? "");
  }
  const objects = chart.filter(({ kind }) => kind !== "Deployment");
  await cluster.kubectl(["apply", "--server-side", "-f=-"], {
    stdin: JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }),
  });
  await cluster.kubectl(["wait", "--for=condition=Established", "crd/jupyterservers.amalthea.dev", "--timeout=90s"]);
  const { stdout: token } = await cluster.kubectl(["create", "token", "amalthea", "--namespace=amalthea"]);
  return {
    cluster,
    admin,
    controllerKubeconfig: cluster.kubeconfigFor(token.trim()),
    environment: environmentOf(chart),
    makeNamespace,
    stop: async () => {
      await admin.close();
      await cluster.stop();
    },
  };
}

/** A call as the API server's audit log has it. */
export type Call = {
  readonly verb: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly code: number;
};

/**
 * The calls of the controller so far, in the order in which they ended, as the API server counted them; without dry runs, and
 * without what it reads from the metrics API at its interval.
 */
export function controllerCalls(world: World): readonly Call[] {
  return callsIn(world, (group) => group !== METRICS_GROUP);
}

/** The controller's calls of the metrics API. */
export function metricsCalls(world: World): readonly Call[] {
  return callsIn(world, (group) => group === METRICS_GROUP);
}

const METRICS_GROUP = "metrics.k8s.io";

function callsIn(world: World, isCounted: (group: string) => boolean): readonly Call[] {
  const lines = readFileSync(world.cluster.auditLogPath, "utf8").split("\n");
  const ofController = lines.filter((line) => line.includes(CONTROLLER_USER)); // one in many, and only these are parsed
  return ofController.flatMap((line): readonly Call[] => {
    const entry = JSON.parse(line) as AuditEntry;
    if (entry.user.username !== CONTROLLER_USER || entry.stage !== "ResponseComplete") return [];
    if (entry.requestURI.includes("dryRun=")) return [];
    const { resource = "", subresource = "", namespace = "", name = "", apiGroup = "" } = entry.objectRef ?? {};
    if (!isCounted(apiGroup)) return [];
    return [{ verb: entry.verb, resource, subresource, namespace, name, code: entry.responseStatus?.code ?? 0 }];
  });
}

/** The controller's writes that the API server made, other than leases and Events. */
export function controllerWrites(world: World): readonly Call[] {
  return controllerCalls(world).filter(
    ({ verb, resource, code }) =>
      !["get", "list", "watch"].includes(verb) && !["leases", "events"].includes(resource) && code < 300,
  );
}

type AuditEntry = {
  readonly stage: string;
  readonly requestURI: string;
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: Partial<Record<"resource" | "subresource" | "namespace" | "name" | "apiGroup", string>>;
  readonly responseStatus?: { readonly code?: number };
};
