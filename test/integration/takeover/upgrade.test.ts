import { type ControlPlane, startControlPlane } from "@amalthea/cluster";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { CHART, renderChart } from "../controller/world.ts";
import { ChartFolder, helm, LEGACY_VALUES } from "./legacy-chart.ts";

const CRD = "jupyterservers.amalthea.dev";
const NAMESPACE = "amalthea";

let cluster: ControlPlane;
let charts: ChartFolder;

beforeAll(async () => {
  charts = new ChartFolder();
  cluster = await startControlPlane();
  await cluster.kubectl(["create", "namespace", NAMESPACE]);
});

afterAll(async () => {
  charts[Symbol.dispose]();
  await cluster?.stop();
});

function upgrade(release: string, chart: string, ...args: readonly string[]): string {
  return helm(cluster.kubeconfig, "upgrade", release, chart, "--namespace", NAMESPACE, ...args);
}

async function serverExists(): Promise<boolean> {
  const { stdout } = await cluster.kubectl(["get", "jupyterservers", "-A", "-o", "name"]);
  return stdout.includes("jupyterserver.amalthea.dev/alice");
}

/** Where amalthea is a chart of its own, and where it is one of a platform's. */
const SHAPES = [
  {
    shape: "a release of its own",
    chartOf: (chart: string) => chart,
    valuesOf: (values: object) => values,
    prefix: "",
  },
  {
    shape: "a sub-chart of an umbrella",
    chartOf: (chart: string) => charts.umbrella(chart),
    valuesOf: (values: object) => ({ amalthea: { enabled: true, ...values }, global: { host: "example.org" } }),
    prefix: "amalthea.",
  },
];

describe.each(SHAPES)("the upgrade of 0.24 as $shape", ({ chartOf, valuesOf, prefix }) => {
  const release = "platform";

  beforeEach(async () => {
    helm(cluster.kubeconfig, "install", release, chartOf(charts.legacyChart()), "--namespace", NAMESPACE);
    await cluster.kubectl(["wait", "--for=condition=Established", `crd/${CRD}`, "--timeout=90s"]);
    const metadata = { name: "alice", namespace: NAMESPACE };
    const server = { apiVersion: "amalthea.dev/v1alpha1", kind: "JupyterServer", metadata };
    await cluster.kubectl(["create", "-f=-"], {
      stdin: JSON.stringify({ ...server, spec: { routing: { host: "h" } } }),
    });
  });

  afterEach(async () => {
    helm(cluster.kubeconfig, "uninstall", release, "--namespace", NAMESPACE);
    await cluster.kubectl(["delete", "crd", CRD, "--ignore-not-found", "--timeout=60s"]);
  });

  it("takes the values as they are, and names those without effect", async () => {
    const global = { certificates: { customCAs: [{ secret: "company-ca" }] } };
    const values = charts.values({ ...valuesOf({ ...LEGACY_VALUES, global }), global });
    const notes = upgrade(release, chartOf(CHART), "--values", values, "--render-subchart-notes");
    for (const name of [
      "kopf",
      "culling.jupyterServerIdleCheckIntervalSeconds",
      "networkPolicies.clusterIpBlock",
      "image.repository",
      "crdApiGroup",
      "global.certificates.customCAs",
    ]) {
      expect(notes).toContain(name);
    }
    expect(await serverExists()).toBe(true);
  });

  it("works with --reuse-values, by which helm knows none of this chart's defaults", () => {
    const options = ["admissionPolicies.enabled=true", "auditLog.enabled=true", "metrics.enabled=true"];
    const sets = options.map((option) => `--set=${prefix}${option}`);
    const rendered = upgrade(release, chartOf(CHART), "--reuse-values", "--dry-run=server", ...sets);
    expect(rendered).toContain("kind: ValidatingAdmissionPolicy");
    expect(rendered).toMatch(/name: \S*amalthea-controller$/m);
  });

  it("is refused with deployCrd=false, for it would delete every server, until the remedy it names is applied", async () => {
    const values = charts.values(valuesOf({ deployCrd: false }));
    let said = "";
    try {
      upgrade(release, chartOf(CHART), "--values", values);
    } catch (error) {
      said = String(error);
    }
    expect(said).toContain("this upgrade would delete it, and with it every JupyterServer");
    expect(await serverExists()).toBe(true);
    const remedy = /kubectl (annotate crd [^"]*--overwrite)/.exec(said)?.[1] ?? "";
    await cluster.kubectl(remedy.trim().split(" "));
    upgrade(release, chartOf(CHART), "--values", values);
    expect(await serverExists()).toBe(true);
  });
});

describe("the chart, given values of 0.24", () => {
  const container = (...values: readonly string[]): unknown =>
    (renderChart(values).find(({ kind }) => kind === "Deployment")?.spec?.template?.spec?.containers ?? [])[0];
  const ours = /^amalthea\/controller:1\./;

  it.each([
    [["image.repository=renku/amalthea", "image.tag=latest"]],
    [["image.repository=registry.example.org/renku/amalthea", "image.tag=0.24.1"]],
    [["image.tag=0.24.1"]],
  ])("runs its own controller for %j, which name that of 0.24", (values) => {
    expect(container(...values)).toMatchObject({ image: expect.stringMatching(ours) as string });
  });

  it.each([
    { values: ["externalTls=true"], value: "true" },
    { values: [], value: "false" },
  ])("tells the controller where TLS ends: $values", ({ values, value }) => {
    expect(container(...values)).toMatchObject({
      env: expect.arrayContaining([{ name: "EXTERNAL_TLS", value }]) as unknown,
    });
  });

  it("takes another repository and tag as they are given", () => {
    expect(container("image.repository=registry.example.org/ours", "image.tag=v1.2")).toMatchObject({
      image: "registry.example.org/ours:v1.2",
    });
  });

  it.each([
    { value: "csi-rclone.install=true", says: "the upgrade would remove the CSI driver" },
    { value: "image.repository=example.org/mine,image.tag=0.24.1", says: "is a controller of an earlier Amalthea" },
    { value: "scheduler.custom.enabled=true", says: "needs scheduler.custom.name" },
  ])("refuses $value with a sentence", ({ value, says }) => {
    expect(() => renderChart([value])).toThrow(says);
  });

  it.each([
    { values: ["scheduler.custom.enabled=true", "scheduler.custom.name=mine"], name: "mine" },
    { values: ["scheduler.packing.enabled=true"], name: "amalthea-scheduler" },
    {
      values: ["scheduler.packing.enabled=true", "scheduler.custom.enabled=true", "scheduler.custom.name=mine"],
      name: "mine",
    },
    { values: ["scheduler.packing.enabled=true", "schedulerName=other"], name: "other" },
    { values: [], name: "" },
  ])("gives pods the scheduler $name for $values", ({ values, name }) => {
    const controller = renderChart(values).find(
      ({ kind, metadata }) => kind === "Deployment" && metadata.name === "amalthea-controller",
    );
    const { env = [] } = controller?.spec?.template?.spec?.containers?.[0] ?? {};
    expect(env).toContainEqual({ name: "SERVER_SCHEDULER_NAME", value: name });
  });
});
