import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { binaryPath, type ControlPlane, startControlPlane } from "@amalthea/cluster";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Rendered, renderChart } from "./world.ts";

let cluster: ControlPlane;

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
      "flowSchema.enabled=true",
      "extraChildResources[0].name=jobs",
      "extraChildResources[0].group=batch",
      "schedulerName=packing",
      "podAnnotations.example\\.org/note=text",
      "extraEnv[0].name=DEBUG",
      "extraEnv[0].value=yes",
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
    expect(execFileSync(binaryPath("helm"), ["lint", "--strict", chart, ...sets], { encoding: "utf8" })).toContain(
      "0 chart(s) failed",
    );
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
    expect(grants.filter((grant) => grant.includes("*") || grant.endsWith("pods/exec"))).toEqual([]);
    expect(new Set(grants.filter((grant) => grant.endsWith(" secrets")))).toEqual(
      new Set(["get secrets", "create secrets", "patch secrets"]),
    );
  });

  it("keeps the definition of servers when it is uninstalled", () => {
    const definition = renderChart(values).find(({ kind }) => kind === "CustomResourceDefinition");
    expect(definition?.metadata).toMatchObject({ annotations: { "helm.sh/resource-policy": "keep" } });
  });
});
