import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binaryPath } from "@amalthea/cluster";
import { stringify } from "yaml";
import { legacyCrd } from "../../e2e/legacy-controller.ts";
import { CHART } from "../controller/world.ts";

/** The values of 0.24's chart as it came: keys and defaults, by behaviour and configuration of that version. */
export const LEGACY_VALUES: Readonly<Record<string, unknown>> = {
  scope: { clusterWide: false },
  deployCrd: true,
  networkPolicies: { enabled: true, clusterIpBlock: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"] },
  kopf: { startupConfiguration: "watching:\n  client_timeout: 600\n" },
  extraChildResources: [],
  image: { repository: "renku/amalthea", tag: "latest", pullPolicy: "IfNotPresent" },
  imagePullSecrets: [],
  nameOverride: "",
  fullnameOverride: "",
  serviceAccount: { create: true, annotations: {}, name: "" },
  podAnnotations: {},
  podSecurityContext: {},
  securityContext: { runAsUser: 1000, runAsGroup: 1000, runAsNonRoot: true, allowPrivilegeEscalation: false },
  resources: {},
  nodeSelector: {},
  tolerations: [],
  affinity: {},
  crdApiGroup: "amalthea.dev",
  crdApiVersion: "v1alpha1",
  crdNames: { kind: "JupyterServer", plural: "jupyterservers", singular: "jupyterserver", shortNames: ["js"] },
  culling: { jupyterServerIdleCheckIntervalSeconds: 300, cpuUsageMillicoresIdleThreshold: 500 },
  resourceUsageCheck: { enabled: true, intervalSeconds: 30 },
  metrics: { enabled: false, port: 8765, extraMetricsLabels: [] },
  auditLog: { enabled: false, s3: {}, extraLabels: [] },
  envFromConfigMaps: [],
  scheduler: {
    custom: { enabled: false, name: "" },
    packing: {
      enabled: false,
      image: { repository: "registry.k8s.io/kube-scheduler", tag: "", pullPolicy: "IfNotPresent" },
    },
  },
  global: { certificates: { image: { repository: "renku/certificates", tag: "0.0.3" }, customCAs: [] } },
  certificates: {},
  "csi-rclone": { install: false },
};

/** A folder for charts and values, removed at the end. */
export class ChartFolder implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), "amalthea-charts-"));

  /**
   * A release of 0.24 as far as the upgrade is concerned: its CustomResourceDefinition is one of its templates, and its
   * controller has the names and labels that charts commonly give.
   */
  legacyChart(): string {
    return this.#chart("legacy", "amalthea", "0.24.0", {
      "templates/crd.yaml": JSON.stringify(legacyCrd()),
      "templates/deployment.yaml": deployment(LEGACY_NAME, "{{ .Chart.Name }}"),
    });
  }

  /** A platform's chart that has `chart` as its sub-chart `amalthea`, beside something of its own. */
  umbrella(chart: string): string {
    const condition = "amalthea.enabled";
    const name = `platform-${chart === CHART ? "new" : "legacy"}`;
    const path = this.#chart(name, "platform", "1.0.0", PLATFORM, [
      { name: "amalthea", version: ">=0.1.0-0", condition },
    ]);
    cpSync(chart, join(path, "charts", "amalthea"), { recursive: true });
    return path;
  }

  /** A platform's chart that gets `chart` by `helm dependency update`. Written again, it names the other chart. */
  platform(chart: string): string {
    const dependency = { name: "amalthea", version: ">=0.1.0-0", repository: `file://${chart}` };
    return this.#chart(
      "platform",
      "platform",
      "1.0.0",
      { ...PLATFORM, "templates/web.yaml": deployment("web", "web") },
      [dependency],
    );
  }

  values(values: object): string {
    const path = join(this.path, `values-${Math.random().toString(36).slice(2)}.yaml`);
    writeFileSync(path, stringify(values));
    return path;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }

  #chart(
    folder: string,
    name: string,
    version: string,
    files: Readonly<Record<string, string>>,
    dependencies: readonly object[] = [],
  ): string {
    const path = join(this.path, folder);
    mkdirSync(join(path, "templates"), { recursive: true });
    writeFileSync(join(path, "Chart.yaml"), stringify({ apiVersion: "v2", name, version, dependencies }));
    for (const [file, text] of Object.entries(files)) writeFileSync(join(path, file), text);
    return path;
  }
}

const LEGACY_NAME =
  "{{ if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end }}";

/** What a platform has besides Amalthea. */
const PLATFORM = {
  "templates/platform.yaml": stringify({
    ...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "platform" }, data: { important: "data" } },
  }),
};

/** A Deployment of a release, as a template of helm. */
function deployment(name: string, label: string): string {
  const labels = { "app.kubernetes.io/name": label, "app.kubernetes.io/instance": "{{ .Release.Name }}" };
  const template = { metadata: { labels }, spec: { containers: [{ name: "main", image: "example.org/main:1" }] } };
  const spec = { replicas: 1, selector: { matchLabels: labels }, template };
  return stringify({ apiVersion: "apps/v1", kind: "Deployment", metadata: { name, labels }, spec });
}

/** Runs helm against a cluster and returns what it prints. @throws Error with what helm says if it refuses. */
export function helm(kubeconfig: string, ...args: readonly string[]): string {
  return execFileSync(binaryPath("helm"), [...args, "--kubeconfig", kubeconfig], { encoding: "utf8", stdio: "pipe" });
}
