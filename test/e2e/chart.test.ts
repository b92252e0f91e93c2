import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cluster, get, kubectl, leaveNamespace, useNamespace, waitFor } from "./cluster.ts";
import { TestServer } from "./server.ts";

let namespace: string;
let server: TestServer;

beforeAll(async () => {
  namespace = await useNamespace("e2e-chart");
  server = new TestServer("survivor", namespace);
  await server.apply();
  await waitFor("jupyterserver/survivor", namespace, "condition=Ready");
});

afterAll(() => leaveNamespace(namespace));

/** Runs helm as the administrator who installed the chart; `npm test` says with which values. */
function helm(...args: readonly string[]): void {
  const context = cluster.context === undefined ? [] : ["--kube-context", cluster.context];
  const { status, stderr } = spawnSync("helm", [...args, "--kubeconfig", cluster.kubeconfig, ...context], {
    encoding: "utf8",
  });
  expect(status, stderr).toBe(0);
}

const installArguments = JSON.parse(process.env["AMALTHEA_TEST_HELM_INSTALL"] ?? "[]") as readonly string[]; // set by npm test
const [release = "", releaseNamespace = ""] = (process.env["AMALTHEA_TEST_HELM_RELEASE"] ?? "").split("/").toReversed();

describe("helm uninstall", () => {
  it("keeps the definition, the servers and their pods", async () => {
    const pod = await server.podUid();
    helm("uninstall", release, "--namespace", releaseNamespace, "--wait");
    await kubectl(["get", "crd", "jupyterservers.amalthea.dev"]);
    expect((await server.read()).status?.state).toBe("running");
    expect(await server.podUid()).toBe(pod);
  });

  it("does not stand in the way of deleting a server", async () => {
    const other = new TestServer("orphan", namespace);
    await other.apply();
    await kubectl(["delete", "jupyterserver", "orphan", "-n", namespace, "--timeout=30s"]);
  });

  it("and a new install takes the servers up again without touching their pods", async () => {
    const pod = await server.podUid();
    helm(...installArguments);
    await server.patch({ metadata: { labels: { "example.org/seen": "yes" } } });
    type Labelled = { metadata: { labels: Record<string, string> } };
    await kubectl([
      "wait",
      "service/survivor",
      "-n",
      namespace,
      "--for=jsonpath={.metadata.labels.example\\.org/seen}=yes",
      "--timeout=60s",
    ]);
    expect((await get<Labelled>("service", "survivor", namespace)).metadata.labels["example.org/seen"]).toBe("yes");
    expect(await server.podUid()).toBe(pod);
  });
});
