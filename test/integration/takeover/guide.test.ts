import { execFile } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { binaryPath, type ControlPlane, startControlPlane } from "@amalthea/cluster";
import { createClient, type KubeClient, kinds, readKubeConfig } from "@amalthea/kube";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { componentCommand } from "../../../cluster/src/build/build.ts";
import { loadFixture } from "../../e2e/legacy-controller.ts";
import { type Operator, startOperator } from "../controller/operator.ts";
import { eventually, readyPatch, User } from "../controller/servers.ts";
import { CHART, type World } from "../controller/world.ts";
import { ChartFolder } from "./legacy-chart.ts";

const GUIDE = fileURLToPath(new URL("../../../docs/guide/migration.md", import.meta.url));
const ANNOTATION = "kopf.zalando.org/last-handled-configuration";
const never = new AbortController().signal;

/** The blocks of commands below a heading of the migration guide, as readers find them. */
function commandsBelow(heading: string): readonly string[] {
  const section = readFileSync(GUIDE, "utf8")
    .split(/^(?=##+ )/m)
    .find((part) => part.startsWith(`${heading}\n`));
  if (section === undefined) throw new Error(`the migration guide has no section "${heading}"`);
  return [...section.matchAll(/^( *)```\n([^]*?)^\1```$/gm)].map(([, , text = ""]) => text.replaceAll(/^ +/gm, ""));
}

const UPGRADE = "## For administrators: the upgrade";
const UMBRELLA = "### If Amalthea is part of a platform's chart";
const LAYOUT = "### From the legacy layout to the new one";
const BACK = "### Rolling back";

/** Says of each pod that it is ready: nobody runs pods here, and helm waits for those of a release. */
class Kubelet {
  readonly #ended = new AbortController();
  readonly #running: Promise<void>;

  constructor(admin: KubeClient) {
    this.#running = this.#run(admin);
  }

  async stop(): Promise<void> {
    this.#ended.abort();
    await this.#running;
  }

  async #run(admin: KubeClient): Promise<void> {
    while (!this.#ended.signal.aborted) {
      const { items } = await admin.list(kinds.Pod, {}, never);
      for (const pod of items.filter(({ status }) => status?.phase !== "Running")) {
        // A pod may go meanwhile.
        await admin
          .patch(kinds.Pod, pod.metadata, readyPatch(pod), { subresource: "status" }, never)
          .catch(() => undefined);
      }
      await sleep(200);
    }
  }
}

/** `helm --wait` waits for as long as five minutes. */
const PATIENT = { timeout: 330_000 };

/** Where Amalthea is a chart of its own, and where it is one of a platform's. */
const SHAPES = [
  {
    ...{ shape: "a release of its own", release: "amalthea", namespace: "hub-own" },
    ...{ deployment: "amalthea", controller: "amalthea-controller" },
    valuesOf: (values: object) => values,
  },
  {
    ...{ shape: "part of a platform", release: "platform", namespace: "hub-platform" },
    ...{ deployment: "platform-amalthea", controller: "platform-amalthea-controller" },
    valuesOf: (values: object) => ({ amalthea: values, global: { host: "example.org" } }),
  },
];

describe.each(SHAPES)("the migration guide, followed literally, where Amalthea is $shape", PATIENT, (given) => {
  const { release, namespace, deployment, controller, valuesOf } = given;
  const isPlatform = release === "platform";
  const user = (): User => new User(client, namespace);
  let cluster: ControlPlane;
  let client: KubeClient;
  let charts: ChartFolder;
  let kubelet: Kubelet;
  let operator: Operator;
  let podUid: string;

  /** Runs a block of the guide, with what its capitals stand for. */
  async function run(commands: string | undefined): Promise<string> {
    if (commands === undefined) throw new Error("the guide has no such commands");
    const replacements = {
      RELEASE: release,
      NAMESPACE: namespace,
      CHART,
      VALUES: charts.values(valuesOf({ keepPredecessorAnnotations: true })),
      PLATFORM: join(charts.path, "platform"),
      NAME: "asleep",
    };
    const script = Object.entries(replacements).reduce(
      (text, [name, value]) => text.replaceAll(new RegExp(`\\b${name}\\b`, "g"), value),
      commands,
    );
    return await shell(script);
  }

  /** Runs commands in a shell. Not synchronously: the stand-in for the kubelet works meanwhile. */
  async function shell(script: string): Promise<string> {
    const path = `${programsIn(charts.path)}:${process.env["PATH"] ?? ""}`;
    const env = { ...process.env, PATH: path, KUBECONFIG: cluster.kubeconfig };
    const { stdout } = await promisify(execFile)("bash", ["-euo", "pipefail", "-c", script], { cwd: charts.path, env });
    return stdout;
  }

  const names = async (kind: string): Promise<string> => {
    const { stdout } = await cluster.kubectl(["get", kind, "--namespace", namespace, "-o", "name"]);
    return stdout;
  };

  beforeAll(async () => {
    charts = new ChartFolder();
    cluster = await startControlPlane({ controllerManager: true });
    client = createClient({ config: await readKubeConfig(cluster.kubeconfig), userAgent: "test/1" });
    kubelet = new Kubelet(client);
    await cluster.kubectl(["create", "namespace", namespace]);
    const chart = isPlatform ? charts.platform(charts.legacyChart()) : charts.legacyChart();
    if (isPlatform) await shell(`helm dependency update ${chart}`);
    await shell(`helm install ${release} ${chart} --namespace ${namespace} --wait`);
    await cluster.kubectl(["wait", "--for=condition=Established", "crd/jupyterservers.amalthea.dev", "--timeout=90s"]);
    for (const fixture of ["token-volume", "asleep"] as const) await loadFixture(fixture, { client, namespace });
    podUid = (await user().makePodReady("token-volume")).metadata.uid;
  }, PATIENT.timeout);

  afterAll(async () => {
    await operator?.stop();
    await kubelet?.stop();
    await client?.close();
    await cluster?.stop();
    charts?.[Symbol.dispose]();
  });

  it("stops the old controller, and nothing else", async () => {
    const [protect, copy, stop, ...rest] = commandsBelow(UPGRADE);
    expect(rest).toHaveLength(3); // upgrade, and two that look
    for (const block of [protect, copy, stop]) await run(block);
    expect(readFileSync(join(charts.path, "jupyterservers.yaml"), "utf8")).toContain("name: token-volume");
    const { stdout } = await cluster.kubectl([
      "get",
      "deployments",
      "--namespace",
      namespace,
      "-o",
      "jsonpath={range .items[*]}{.metadata.name}={.spec.replicas} {end}",
    ]);
    expect(stdout.trim().split(" ").toSorted()).toEqual(
      isPlatform ? [`${deployment}=0`, "web=1"] : [`${deployment}=0`],
    );
    expect(await names("pods")).toContain("token-volume-0");
  });

  it("replaces it, keeps everything else, and takes the servers over", async () => {
    const [, , , upgrade, list, stalled] = commandsBelow(UPGRADE);
    if (isPlatform) charts.platform(CHART);
    const notes = await run(isPlatform ? commandsBelow(UMBRELLA)[0] : upgrade);
    expect(notes).toContain("manages JupyterServers in");
    const deployments = await names("deployments");
    expect(deployments).toContain(`deployment.apps/${controller}\n`);
    expect(deployments).not.toContain(`deployment.apps/${deployment}\n`);
    if (isPlatform) expect(deployments + (await names("configmaps"))).toMatch(/web\n[^]*configmap\/platform/);
    operator = await startOperator(await world());
    await operator.leading;
    await user().until("token-volume", ({ status }) => status?.state === "running" && status.conditions !== undefined);
    await user().until("asleep", ({ status }) => status?.state === "hibernated" && status.conditions !== undefined);
    expect((await user().get(kinds.Pod, "token-volume-0")).metadata.uid).toBe(podUid);
    expect(await run(list)).toMatch(/ asleep +.*hibernated/);
    expect(await run(stalled)).toContain(`${namespace}/token-volume\t\n`);
  });

  it("finds which servers have the legacy layout, and migrates one", async () => {
    const [restart, legacy] = commandsBelow(LAYOUT);
    expect((await run(legacy)).trim().split("\n")).toEqual([`${namespace}/asleep`, `${namespace}/token-volume`]);
    await user().patchServer("asleep", { spec: { jupyterServer: { hibernated: false } } });
    await user().until("asleep", ({ status }) => status?.state === "running");
    expect((await run(legacy)).trim()).toBe(`${namespace}/token-volume`);
    const before = (await user().get(kinds.Pod, "asleep-0")).metadata.uid;
    await run(restart);
    await eventually(async () => expect((await user().get(kinds.Pod, "asleep-0")).metadata.uid).not.toBe(before));
  });

  it("rolls back to the old controller, to which its server looks as it left it", async () => {
    await operator.stop();
    await run(commandsBelow(BACK)[0]);
    const deployments = await names("deployments");
    expect(deployments).toContain(`deployment.apps/${deployment}\n`);
    expect(deployments).not.toContain(`deployment.apps/${controller}\n`);
    const { stdout } = await cluster.kubectl([
      "get",
      "crd",
      "jupyterservers.amalthea.dev",
      "-o",
      "jsonpath={.spec.versions[0].subresources}",
    ]);
    expect(stdout).not.toContain("status");
    expect((await user().server("token-volume")).metadata.annotations).toHaveProperty([ANNOTATION]);
    expect((await user().get(kinds.Pod, "token-volume-0")).metadata.uid).toBe(podUid);
    if (isPlatform) expect(await names("deployments")).toContain("deployment.apps/web\n");
  });

  /** What the release that was just installed gives its controller. */
  async function world(): Promise<World> {
    const { stdout } = await cluster.kubectl(["get", "deployment", controller, "--namespace", namespace, "-o", "json"]);
    const { spec } = (JSON.parse(stdout) as Installed).spec.template;
    const { stdout: token } = await cluster.kubectl([
      "create",
      "token",
      spec.serviceAccountName,
      "--namespace",
      namespace,
    ]);
    const env = spec.containers[0]?.env ?? [];
    return {
      ...{ cluster, admin: client, controllerKubeconfig: cluster.kubeconfigFor(token.trim()) },
      environment: Object.fromEntries(env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]]))),
      makeNamespace: (name) => Promise.resolve(name),
      stop: () => Promise.resolve(),
    };
  }
});

type Installed = {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly serviceAccountName: string;
        readonly containers: readonly { readonly env: readonly { readonly name: string; readonly value?: string }[] }[];
      };
    };
  };
};

/** A folder within this one with the programs that the guide names. */
function programsIn(folder: string): string {
  const path = join(folder, "programs");
  mkdirSync(path, { recursive: true });
  for (const [name, command] of [
    ["kubectl", componentCommand("kubectl")],
    ["helm", [binaryPath("helm")]],
  ] as const) {
    const file = join(path, name);
    writeFileSync(file, `#!/bin/sh\nexec ${command.join(" ")} "$@"\n`);
    chmodSync(file, 0o755);
  }
  return path;
}
