import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { binaryPath, type ControlPlane, startControlPlane } from "@amalthea/cluster";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse as parseYaml } from "yaml";
import { readConfig } from "../../../controller/src/config/config.ts";
import { CHART, environmentOf, KUBE_VERSION, type Rendered, renderChart } from "./world.ts";

const AUDIT = "auditLog.enabled=true";
const S3 = "auditLog.s3.endpoint=https://s3.example.org,auditLog.s3.bucket=audit";
const KEY = "auditLog.s3.accessKeyId=an id,auditLog.s3.secretAccessKey=a key";

let cluster: ControlPlane;

const ALERTS = ["metrics.prometheusRule.enabled=true", "metrics.prometheusRule.labels.release=prom"];

beforeAll(async () => {
  cluster = await startControlPlane();
  for (const name of ["amalthea", "one", "two"]) await cluster.kubectl(["create", "namespace", name]);
  await cluster.kubectl(["label", "namespace", "amalthea", "pod-security.kubernetes.io/enforce=restricted"]);
  await cluster.kubectl(["create", "serviceaccount", "amalthea", "--namespace=amalthea"]);
});

afterAll(() => cluster?.stop());

const settings = [
  { scope: "its own namespace", values: [] },
  { scope: "a list of namespaces", values: ["scope.namespaces={one,two}"] },
  {
    scope: "the whole cluster, with every option",
    values: [
      "scope.clusterWide=true",
      "metrics.enabled=true",
      "metrics.dashboard.enabled=true",
      "flowSchema.enabled=true",
      "extraChildResources[0].name=jobs",
      "extraChildResources[0].group=batch",
      "schedulerName=packing",
      "podAnnotations.example\\.org/note=text",
      "podLabels.team=platform",
      "podLabels.app\\.kubernetes\\.io/component=other",
      "networkPolicies.controller=true",
      "topologySpreadConstraints[0].maxSkew=1",
      "topologySpreadConstraints[0].topologyKey=topology.kubernetes.io/zone",
      "topologySpreadConstraints[0].whenUnsatisfiable=ScheduleAnyway",
      "sidecars.traefik.extraArgs={--log.level=DEBUG}",
      "admissionPolicies.enabled=true",
      "admissionPolicies.patchEditors[0].kind=Group",
      "admissionPolicies.patchEditors[0].name=developers",
      "policy.patches.kinds={StatefulSet}",
      "policy.patches.paths={/statefulset/spec}",
      "policy.routes.allowed={hub.example.org/\\{namespace\\}}",
      "policy.images={registry.example.org/**}",
      "auditLog.enabled=true",
      "auditLog.extraLabels={team}",
      "auditLog.claimName=audit-log",
      "auditLog.s3.endpoint=https://s3.example.org",
      "auditLog.s3.bucket=audit",
      "auditLog.s3.credentialsSecret=key",
      "auditLog.s3.caConfigMap.name=object-store-ca",
      "extraEnv[0].name=DEBUG",
      "extraEnv[0].value=yes",
      "resourceUsageCheck.kubelet.enabled=true",
      "resourceUsageCheck.kubelet.caConfigMap.name=kubelet-ca",
    ],
  },
];

type Rule = { readonly resources: readonly string[]; readonly verbs: readonly string[] };

function rulesOf(chart: readonly Rendered[]): readonly Rule[] {
  return chart.flatMap((object) => (object as { readonly rules?: readonly Rule[] }).rules ?? []);
}

describe.each(settings)("the chart for $scope", ({ values }) => {
  it("passes helm's own checks", () => {
    const chart = fileURLToPath(new URL("../../../helm-chart/amalthea", import.meta.url));
    const sets = values.flatMap((value) => ["--set", value]);
    expect(
      execFileSync(binaryPath("helm"), ["lint", "--strict", chart, KUBE_VERSION, ...sets], { encoding: "utf8" }),
    ).toContain("0 chart(s) failed");
  });

  it("is accepted by the API server, its pod by the restricted Pod Security Standard", async () => {
    const chart = renderChart(values);
    const list = { apiVersion: "v1", kind: "List", items: chart };
    const dryRun = ["--dry-run=server", "-f=-"];
    await cluster.kubectl(["apply", "--server-side", "--force-conflicts", ...dryRun], { stdin: JSON.stringify(list) });
    const template = chart.find(({ kind }) => kind === "Deployment")?.spec?.template;
    const metadata = { name: "controller", namespace: "amalthea" };
    const pod = { ...template, apiVersion: "v1", kind: "Pod", metadata };
    await cluster.kubectl(["create", ...dryRun], { stdin: JSON.stringify(pod) });
  });

  it("gives no right to list Secrets, to enter pods, or to do everything", () => {
    const rules = rulesOf(renderChart(values));
    expect(rules.length).toBeGreaterThan(5);
    const grants = rules.flatMap(({ resources, verbs }) =>
      resources.flatMap((name) => verbs.map((verb) => `${verb} ${name}`)),
    );
    const tooMuch = (grant: string): boolean => /[*]|pods\/exec$|nodes\/proxy$| nodes$/.test(grant);
    expect(grants.filter(tooMuch)).toEqual([]);
    expect(new Set(grants.filter((grant) => grant.endsWith(" secrets")))).toEqual(
      new Set(["get secrets", "create secrets", "patch secrets"]),
    );
  });

  it("gives the right to delete servers only where limits are enforced", () => {
    const verbs = (...more: readonly string[]): readonly string[] =>
      rulesOf(renderChart([...values, ...more]))
        .filter(({ resources }) => resources.includes("jupyterservers"))
        .flatMap((rule) => rule.verbs);
    expect(verbs()).toContain("delete");
    expect(verbs("culling.enforced=false")).not.toContain("delete");
    expect(verbs("culling.enforced=false")).toContain("patch");
  });

  it("keeps the CRD when it is uninstalled", () => {
    const definition = renderChart(values).find(({ kind }) => kind === "CustomResourceDefinition");
    expect(definition?.metadata).toMatchObject({ annotations: { "helm.sh/resource-policy": "keep" } });
  });
});

describe("the chart, for a release whose former chart lacked values, which helm reuses without new defaults", () => {
  const more = ["scheduler.packing.enabled=true", "metrics.serviceMonitor.enabled=true", ...ALERTS];

  it.each([
    ["no value of its own", []],
    ["some of its own", [...(settings.at(-1)?.values ?? []), ...more]],
  ])("is as with its own defaults, but for the resources: with %s", (_what, values) => {
    const folder = mkdtempSync(join(tmpdir(), "amalthea-chart-"));
    try {
      cpSync(CHART, folder, { recursive: true });
      writeFileSync(join(folder, "values.yaml"), "{}");
      const own = renderChart([...values, "resources=null"]);
      expect(renderChart(values, KUBE_VERSION, folder)).toEqual(own);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("is as with its own defaults where groups of values are taken away", () => {
    const groups = ["auditLog.s3", "metrics", "culling.defaults", "policy", "scope", "scheduler.packing.image"];
    expect(renderChart(groups.map((group) => `${group}=null`))).toEqual(renderChart([]));
  });

  it("reads them in each of its templates", () => {
    const folder = join(CHART, "templates");
    const templates = readdirSync(folder).filter((name) => !name.endsWith(".tpl"));
    const isFilled = (name: string): boolean =>
      readFileSync(join(folder, name), "utf8").startsWith('{{- include "amalthea.fillValues" . ');
    expect(templates.filter((name) => name !== "crd.yaml" && !isFilled(name))).toEqual([]);
  });
});

describe("the chart", () => {
  it("selects the pods of the controller, whatever labels they get besides", () => {
    const objects = renderChart(["podLabels.team=platform", "podLabels.app\\.kubernetes\\.io/component=other"]);
    const deployment = objects.find(({ kind }) => kind === "Deployment")?.spec as {
      readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
      readonly template: { readonly metadata: { readonly labels: Readonly<Record<string, string>> } };
    };
    expect(deployment.template.metadata.labels).toMatchObject({ ...deployment.selector.matchLabels, team: "platform" });
  });

  it("makes a ServiceMonitor that finds the Service of the metrics", () => {
    const monitor = "metrics.serviceMonitor";
    const objects = renderChart(["metrics.enabled=true", `${monitor}.enabled=true`, `${monitor}.labels.release=prom`]);
    const labelled = objects as readonly (Rendered & { readonly metadata: { readonly labels: object } })[];
    const found = labelled.find(({ kind }) => kind === "ServiceMonitor");
    const spec = found?.spec as { readonly selector: { readonly matchLabels: object } } | undefined;
    expect(found?.metadata.labels).toMatchObject({ release: "prom" });
    const selected = labelled.filter(
      ({ kind, metadata }) => kind === "Service" && isSubset(spec?.selector.matchLabels ?? {}, metadata.labels),
    );
    expect(selected.map(({ metadata }) => metadata.name)).toEqual(["amalthea-metrics"]);
  });

  it("takes null for a limit that the containers of a login shall not have", () => {
    const objects = renderChart(["sidecars.traefik.resources.limits.memory=null"]);
    const deployment = JSON.stringify(objects.filter(({ kind }) => kind === "Deployment"));
    expect(deployment).toContain(JSON.stringify({ limits: { memory: null } }).replaceAll('"', String.raw`\"`));
  });

  it("hands the dashboard to Grafana's sidecar, and the alerts to Prometheus as they are in their file", () => {
    const objects = renderChart(["metrics.enabled=true", "metrics.dashboard.enabled=true", ...ALERTS]);
    const map = objects.find(({ metadata }) => metadata.name === "amalthea-dashboard");
    expect(map?.metadata).toMatchObject({ labels: { grafana_dashboard: "1" } });
    const { data } = map as unknown as { readonly data: Readonly<Record<string, string>> };
    expect(JSON.parse(data["amalthea.json"] ?? "")).toMatchObject({ title: "Amalthea", uid: "amalthea" });
    const rule = objects.find(({ kind }) => kind === "PrometheusRule");
    expect(rule?.metadata).toMatchObject({ labels: { release: "prom" } });
    const alerts = new URL("../../../helm-chart/amalthea/files/alerts.yaml", import.meta.url);
    expect(rule?.spec).toEqual(parseYaml(readFileSync(alerts, "utf8")));
  });

  it.each([
    { value: "replica=3", says: "additional properties 'replica' not allowed" },
    { value: "replicas=-1", says: "at '/replicas': minimum: got -1, want 0" },
    { value: "scope.namespaces={Team_A}", says: "at '/scope/namespaces/0': 'Team_A' does not match pattern" },
    { value: "sidecars.trafik.resources.limits.memory=1Gi", says: "additional properties 'trafik' not allowed" },
    { value: "sidecars.traefik.resources.limit.memory=1Gi", says: "additional properties 'limit' not allowed" },
    { value: "sidecars.traefik.resources.limits.memroy=1Gi", says: "'memroy' does not match pattern" },
    { value: "sidecars.traefik.resources.limits.memory=1GB", says: "at '/sidecars/traefik/resources/limits/memory'" },
    { value: "sidecars.authorization.extraArgs={--x}", says: "additional properties 'extraArgs' not allowed" },
    {
      value:
        "admissionPolicies.enabled=true,admissionPolicies.authEditors[0].kind=ServiceAccount,admissionPolicies.authEditors[0].name=a",
      says: "the ServiceAccount a among the editors of admissionPolicies needs its namespace",
    },
    { value: "serverDefaults.jupyterServer.imag=x", says: "additional properties 'imag' not allowed" },
    { value: "serverDefaults.routing.host=h", says: "additional properties 'host' not allowed" },
    { value: "serverDefaults.storage.pvc.enabled=maybe", says: "at '/serverDefaults/storage/pvc/enabled'" },
    {
      value: "resourceUsageCheck.kubelet.enabled=true,resourceUsageCheck.enabled=false",
      says: "resourceUsageCheck.kubelet.enabled needs resourceUsageCheck.enabled",
    },
    {
      value: `${AUDIT},auditLog.s3.endpoint=https://s3`,
      says: "auditLog.s3.endpoint and auditLog.s3.bucket must be set together",
    },
    { value: `${AUDIT},${S3}`, says: "auditLog.s3.endpoint needs auditLog.s3.credentialsSecret" },
    { value: `${AUDIT},${S3},auditLog.s3.accessKeyId=a`, says: "auditLog.s3.secretAccessKey must be set together" },
    { value: `${AUDIT},${S3},${KEY},auditLog.s3.credentialsSecret=key`, says: "are both set: keep only the Secret" },
    { value: `${AUDIT},auditLog.s3.credentialsSecret=key`, says: "credentialsSecret needs auditLog.s3.endpoint" },
    { value: `${AUDIT},auditLog.s3.caConfigMap.name=ca`, says: "caConfigMap needs auditLog.s3.endpoint" },
    { value: `${AUDIT},auditLog.maxMebibytes=20`, says: "must be at least twice auditLog.rotationMebibytes" },
    { value: "metrics.serviceMonitor.enabled=true", says: "metrics.serviceMonitor.enabled needs metrics.enabled" },
    {
      value: `${AUDIT},auditLog.extraLabels={kubectl.kubernetes.io/last-applied-configuration}`,
      says: "which contains whole objects and their secrets",
    },
    { value: `${AUDIT},auditLog.extraLabels={kopf.zalando.org/last}`, says: "which contains whole objects" },
    ...["s3.example.org", "ftp://s3", "https://user@s3", "https://", "https://s3:99999", "https://s 3"].map((url) => ({
      value: `${AUDIT},${S3},${KEY},auditLog.s3.endpoint=${url}`,
      says: "auditLog.s3.endpoint must be an http or https URL without a user",
    })),
    { value: `${AUDIT},${S3},${KEY},auditLog.s3.bucket= `, says: "auditLog.s3.bucket must name a bucket" },
    { value: "sidecarImages.traefik=traefik:v2.11", says: "sidecarImages.traefik must be version 3.7.15 or newer" },
    { value: "sidecarImages.traefik=registry:5000/traefik:v3.7.14@sha256:9a", says: "must be version 3.7.15 or newer" },
    { value: "sidecarImages.oauth2Proxy=oauth2-proxy:7.6.0-alpine", says: "sidecarImages.oauth2Proxy must be version" },
    { value: "sidecars.securityContext.runAsUser=2147483648", says: "at '/sidecars/securityContext/runAsUser'" },
    { value: "sidecars.proxy.httpsProxy=proxy.example.org:3128", says: "at '/sidecars/proxy/httpsProxy'" },
    { value: "sidecars.proxy.noProxy=", says: "at '/sidecars/proxy/noProxy'" },
    { value: `scope.namespaces={${"a".repeat(64)}}`, says: "at '/scope/namespaces/0': maxLength" },
    { value: "policy.patches.paths={statefulset}", says: "at '/policy/patches/paths/0'" },
    { value: "policy.maxResources.memory=4GB", says: "at '/policy/maxResources/memory'" },
    { value: "unschedulableGraceSeconds=9007199254740993", says: "at '/unschedulableGraceSeconds': maximum" },
    { value: "metrics.enabled=true,metrics.port=8080", says: "metrics.port must not be 8080" },
    ...["le", "status/from", "__team", "-/x", "team/a,team.a"].map((labels) => ({
      value: `metrics.legacyNames=true,metrics.extraMetricsLabels={${labels}}`,
      says: "whose name in Prometheus",
    })),
    ...[
      ["storage.size=2GB", "/storage/size"],
      ["storage.pvc.mountPath=work", "/storage/pvc/mountPath"],
      ["storage.pvc.subPath=a/../b", "/storage/pvc/subPath"],
      ["jupyterServer.image=a b", "/jupyterServer/image"],
      ["jupyterServer.rootDir=work", "/jupyterServer/rootDir"],
      ["jupyterServer.shmSize=-1", "/jupyterServer/shmSize"],
      ["jupyterServer.podLabels.app=a", "/jupyterServer/podLabels"],
      ["jupyterServer.podAnnotations.amalthea\\.dev/a=b", "/jupyterServer/podAnnotations"],
      ["jupyterServer.envFrom[0].prefix=A", "/jupyterServer/envFrom/0"],
      ["jupyterServer.tolerations[0].efect=NoSchedule", "/jupyterServer/tolerations/0': additional properties 'efect'"],
      ["jupyterServer.tolerations[0].value=5", "/jupyterServer/tolerations/0/value"],
      ["jupyterServer.affinity.nodeAfinity.a=b", "/jupyterServer/affinity"],
      ["jupyterServer.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topology=a", "/"],
      ["jupyterServer.resources.limit.cpu=1", "/jupyterServer/resources"],
      ["jupyterServer.extraVolumes[0].name=a,serverDefaults.jupyterServer.extraVolumes[0].emptydir.medium=Memory", ""],
      ["storage.pvc.selector.matchLabel.a=b", "/storage/pvc/selector"],
      ["jupyterServer.extraPorts[0].name=http,serverDefaults.jupyterServer.extraPorts[0].containerPort=81", ""],
      ["jupyterServer.extraPorts[0].name=a,serverDefaults.jupyterServer.extraPorts[0].containerPort=8888", ""],
    ].map(([value, path]) => ({ value: `serverDefaults.${value}`, says: `at '/serverDefaults${path}` })),
    {
      value: ["[0].name=A", "[0].value=a", "[1].name=A", "[1].value=b"]
        .map((part) => `serverDefaults.jupyterServer.env${part}`)
        .join(),
      says: "serverDefaults.jupyterServer.env has A twice",
    },
    {
      value: ["[0].name=a", "[0].containerPort=90", "[1].name=b", "[1].containerPort=90", "[1].protocol=TCP"]
        .map((part) => `serverDefaults.jupyterServer.extraPorts${part}`)
        .join(),
      says: "serverDefaults.jupyterServer.extraPorts has the port TCP 90 twice",
    },
    { value: "metrics.prometheusRule.enabled=true", says: "metrics.prometheusRule.enabled needs metrics.enabled" },
  ])("refuses $value", ({ value, says }) => {
    expect(() => renderChart([value])).toThrow(says);
  });

  it.each([
    {},
    { "auditLog.extraLabels": "{kopf.example.org/a,team}", "auditLog.s3.endpoint": "http://minio:9000/path" },
    { "auditLog.s3.endpoint": "HTTPS://[::1]:9000" },
    { "sidecarImages.traefik": "traefik:v3.8", "sidecarImages.oauth2Proxy": "reg:5000/oauth2-proxy@sha256:2abc" },
    { "sidecarImages.traefik": "traefik:v3.8.0-alpine@sha256:1a", "sidecarImages.oauth2Proxy": "oauth2-proxy:latest" },
    { "policy.maxResources.cpu": "1.5", "policy.maxResources.memory": "4Gi", "policy.patches.paths": "{/a,*}" },
    { "metrics.legacyNames": "true", "metrics.extraMetricsLabels": "{renku.io/project,team}" },
    {
      "serverDefaults.jupyterServer.tolerations[0].key": "gpu",
      "serverDefaults.jupyterServer.tolerations[0].tolerationSeconds": "60",
      "serverDefaults.jupyterServer.resources.limits.nvidia\\.com/gpu": "1",
      "serverDefaults.jupyterServer.extraVolumes[0].name": "data",
      "serverDefaults.jupyterServer.extraVolumes[0].csi.driver": "d",
      "serverDefaults.jupyterServer.extraVolumes[0].csi.volumeAttributes.any": "a",
      "serverDefaults.routing.ingressAnnotations.a": "b",
    },
    { "serverDefaults.storage.size": "0.5Gi", "serverDefaults.storage.pvc.subPath": "a/..b" },
    { "serverDefaults.jupyterServer.podLabels.example\\.org/team": "a", "serverDefaults.jupyterServer.shmSize": "0" },
  ])("takes %j, and the controller starts with it", (values) => {
    const sets = Object.entries(values).map(([name, value]) => `${name}=${value}`);
    expect(() => readConfig(environmentOf(renderChart([AUDIT, S3, KEY, ...sets])))).not.toThrow();
  });

  it("names in its notes the values that others keep from having an effect", () => {
    const given = ["auditLog.claimName=a", S3, "culling.defaults.idleSeconds=20", "culling.maximums.idleSeconds=10"];
    const notesOf = (...values: readonly string[]): string => {
      const sets = values.flatMap((value) => ["--set", value]);
      // Beside what is installed already.
      const where = ["--dry-run=client", "--kubeconfig", cluster.kubeconfig, "--namespace=default"];
      const release = ["install", "beside", CHART, "--set=deployCrd=false"];
      return execFileSync(binaryPath("helm"), [...release, ...where, ...sets], { encoding: "utf8" });
    };
    for (const sentence of [
      "no effect because of",
      "auditLog.claimName needs auditLog.enabled",
      "auditLog.s3 needs auditLog.enabled",
      "metrics.extraMetricsLabels needs metrics.legacyNames",
      "culling.defaults.idleSeconds is 20, above culling.maximums.idleSeconds: 10 applies",
    ]) {
      expect(notesOf(...given, "metrics.extraMetricsLabels={team}")).toContain(sentence);
    }
    expect(notesOf("culling.defaults.idleSeconds=20")).not.toContain("no effect because of");
  });

  it("makes of 0.24's values for the audit log what they meant, with its keys in a Secret alone", () => {
    const objects = renderChart([`${AUDIT},${S3},${KEY},auditLog.s3.pathPrefix=a/b,auditLog.extraLabels={team}`]);
    expect(readConfig(environmentOf(objects)).auditLog).toMatchObject({
      extraLabels: ["team"],
      folder: { rotateSeconds: 86_400 },
      s3: { endpoint: "https://s3.example.org", bucket: "audit", pathPrefix: "a/b" },
    });
    const secret = objects.find(({ kind }) => kind === "Secret");
    expect(secret).toMatchObject({ stringData: { accessKeyId: "an id", secretAccessKey: "a key" } });
    const deployment = JSON.stringify(objects.filter(({ kind }) => kind === "Deployment"));
    expect(deployment).not.toMatch(/an id|a key/);
    expect(deployment).toContain(`"secretName":"${secret?.metadata.name}"`);
  });

  it("hands the authorities of an object store to the controller, which starts without them as well", () => {
    const ca = "auditLog.s3.caConfigMap.name=our-ca,auditLog.s3.caConfigMap.key=root.pem";
    const objects = renderChart([`${AUDIT},${S3},${KEY},${ca}`]);
    const folder = "/etc/amalthea/audit-log-s3-ca";
    expect(readConfig(environmentOf(objects)).auditLog?.s3?.caFile).toBe(`${folder}/root.pem`);
    const pod = JSON.stringify(objects.find(({ kind }) => kind === "Deployment"));
    expect(pod).toContain('"configMap":{"name":"our-ca","optional":true}');
    expect(pod).toContain(`"mountPath":"${folder}","readOnly":true`);
  });

  it("leaves out all of the audit log where it is not enabled, whatever else is set", () => {
    const objects = renderChart([`${S3},${KEY}`]);
    expect(JSON.stringify(objects.filter(({ kind }) => kind !== "CustomResourceDefinition"))).not.toMatch(
      /audit-?log/i,
    );
  });

  it("hands the extra labels of 0.24's metrics to the controller only where these metrics are asked for", () => {
    const labels = "metrics.extraMetricsLabels={renku.io/project}";
    const legacyOf = (...values: readonly string[]): unknown =>
      readConfig(environmentOf(renderChart(["metrics.enabled=true", labels, ...values]))).metrics.legacy;
    expect(legacyOf()).toBeUndefined();
    expect(legacyOf("metrics.legacyNames=true")).toEqual({
      extraLabels: [{ label: "renku_io_project", source: "renku.io/project" }],
    });
  });

  it("hands the defaults for all servers to the controller, which reads them", () => {
    const objects = renderChart([
      "serverDefaults.jupyterServer.nodeSelector.disk=ssd",
      "serverDefaults.storage.size=2Gi",
    ]);
    expect(readConfig(environmentOf(objects)).decision.serverDefaults).toEqual({
      jupyterServer: { nodeSelector: { disk: "ssd" } },
      storage: { size: "2Gi" },
    });
  });

  it("gives rights to read usage only where it is read", () => {
    const grantsWith = (...values: readonly string[]): readonly string[] =>
      rulesOf(renderChart(values)).flatMap((rule) => {
        const { apiGroups = [], resources } = rule as Rule & { readonly apiGroups?: readonly string[] };
        return resources.flatMap((name) => apiGroups.map((group) => `${rule.verbs.join()} ${group} ${name}`));
      });
    const ofPods = "list metrics.k8s.io pods";
    const ofKubelets = ["get  nodes/stats", "create  serviceaccounts/token"];
    expect(grantsWith()).toContain(ofPods);
    expect(grantsWith()).not.toEqual(expect.arrayContaining([ofKubelets[0]]));
    expect(grantsWith()).not.toEqual(expect.arrayContaining([ofKubelets[1]]));
    expect(grantsWith("resourceUsageCheck.enabled=false")).not.toContain(ofPods);
    const forCulling = ["resourceUsageCheck.enabled=false", "culling.cpuUsageMillicoresIdleThreshold=5"];
    expect(grantsWith(...forCulling)).toContain(ofPods);
    for (const scope of ["scope.clusterWide=true", "scope.namespaces={one,two}"]) {
      expect(grantsWith(scope, "resourceUsageCheck.kubelet.enabled=true")).toEqual(expect.arrayContaining(ofKubelets));
    }
  });

  it("refuses a Kubernetes that lacks what the CRD needs", () => {
    expect(() => renderChart([], "--kube-version=1.29.8")).toThrow("requires kubeVersion: >=1.30.0-0");
    expect(renderChart([], "--kube-version=1.30.4-gke.100").length).toBeGreaterThan(0);
  });
});

function isSubset(part: object, whole: object): boolean {
  const entries = new Map(Object.entries(whole));
  return Object.entries(part).every(([key, value]) => entries.get(key) === value);
}
