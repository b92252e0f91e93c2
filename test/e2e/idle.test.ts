import { get } from "node:https";
import { readKernels, readRequests, readTerminals } from "@amalthea/api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { activityIn, type Activity } from "../../controller/src/decide/culling/activity.ts";
import { cluster, find, kubectl, leaveNamespace, until, useNamespace, waitFor } from "./cluster.ts";
import { applyWithLogin, startIdentityProvider, untilAsksForLogin } from "./identity-provider.ts";
import { Kernel } from "./kernel.ts";
import { untilWithoutPod } from "./look.ts";
import { MetricsServer, metricsServerPath, nodeAddress } from "./metrics-server.ts";
import { TestServer } from "./server.ts";

const VOLUME = { storage: { size: "100Mi", pvc: { enabled: true } } };

let namespace: string;
let server: TestServer;

beforeAll(async () => {
  namespace = await useNamespace("e2e-idle");
  server = new TestServer("idle", namespace);
  await server.apply(VOLUME);
  await new TestServer("limited", namespace).apply({ storage: { size: "50Mi" } });
  await waitFor("jupyterserver/idle", namespace, "condition=Ready");
});

afterAll(() => leaveNamespace(namespace));

/** What JupyterLab answers to a question as the controller puts it. */
async function answerTo(path: string): Promise<unknown> {
  const { body, status } = await server.ask(`/api/${path}?no_track_activity=1`, await server.token());
  expect(status).toBe(200);
  return JSON.parse(body);
}

/** What JupyterLab itself says now, read as the controller reads it. */
async function activity(): Promise<Activity> {
  const requests = readRequests(await answerTo("status"), Date.now());
  const kernels = readKernels(await answerTo("kernels"), Date.now());
  const terminals = readTerminals(await answerTo("terminals"), Date.now(), undefined);
  if (kernels === undefined || terminals === undefined || requests === undefined)
    throw new Error("this is no answer of Jupyter's");
  const report = { kernels, terminals, requests };
  return activityIn(report, { openTabsAreActivity: true, cpuUsageMillicoresIdleThreshold: 0 });
}

/** When anything was last done in JupyterLab, by its own words. */
async function lastUse(): Promise<unknown> {
  return ((await answerTo("status")) as { readonly last_activity: unknown }).last_activity;
}

async function isHibernated(name: string): Promise<boolean> {
  return (
    (await kubectl(["get", "js", name, "-n", namespace, "-o", "jsonpath={.spec.jupyterServer.hibernated}"])) === "true"
  );
}

async function setLimits(target: TestServer, culling: object): Promise<void> {
  await target.patch({ spec: { culling } });
}

/** The steps build on each other, as they do for the person who owns the server. */
describe("a real JupyterLab with a token", () => {
  let kernel: Kernel;

  it("tells of no activity before anybody has done anything, however often it is asked", async () => {
    const before = await until(lastUse, () => true);
    expect((await activity()).now).toEqual([]);
    expect(await lastUse()).toBe(before);
  });

  it("tells of a kernel that works in silence, and of a tab that is connected to it", async () => {
    kernel = await Kernel.start(server);
    await until(
      () => kernel.run("open('kept', 'w').write('data')"),
      () => true,
    );
    const working = kernel.run("import time; time.sleep(4)");
    await until(activity, ({ now }) => now.includes("KernelBusy") && now.includes("TabOpen"), 30);
    await working;
    const after = await until(activity, ({ now }) => now.length === 0);
    expect(after.quietSeconds).toBeLessThan(60);
  });

  it("tells of a terminal", async () => {
    const { status } = await server.ask("/api/terminals", await server.token(), { method: "POST", body: "{}" });
    expect(status).toBe(200);
    expect((await activity()).quietSeconds).toBeLessThan(60);
  });

  it("is not hibernated while its kernel works, and is afterwards", async () => {
    const working = kernel.run("import time; time.sleep(8); print(time.time())");
    await setLimits(server, { idleSecondsThreshold: 5 });
    const ended = Number(await working);
    expect(await isHibernated("idle")).toBe(false);
    await waitFor("jupyterserver/idle", namespace, "jsonpath={.status.state}=hibernated");
    const ofLimit = ["-n", namespace, "--field-selector=reason=LimitReached", "-o", "jsonpath={.items[*].message}"];
    // Events are written beside the status.
    const note = await until(
      async () => await kubectl(["get", "events", ...ofLimit]),
      (message) => message !== "",
    );
    const reachedAt = Date.parse(/at (\S+)\.$/.exec(note)?.[1] ?? "") / 1000;
    expect(reachedAt - ended).toBeGreaterThanOrEqual(4); // its activity, and the limit, to the second
    expect(note).toContain("idleSecondsThreshold");
  });

  it("has its files when it is resumed", async () => {
    await untilWithoutPod(server);
    await server.patch({ spec: { jupyterServer: { hibernated: false }, culling: { idleSecondsThreshold: 0 } } });
    await waitFor("jupyterserver/idle", namespace, "condition=Ready");
    const fresh = await until(
      () => Kernel.start(server),
      () => true,
    );
    expect(await fresh.run("print(open('kept').read())")).toBe("data");
  });
});

/** Kubelets of a cluster that is not ours may have certificates that nobody can verify. */
describe.skipIf(cluster.context !== undefined)("the disk of a server", () => {
  it("is in its status: of a volume what df says, as 0.24 had it, and of a limited emptyDir the limit", async () => {
    const [volume, limited] = await Promise.all([diskOf("idle"), diskOf("limited")]);
    const df = await kubectl([...inPod("idle"), "df -Pk /home/jovyan/work | tail -n 1"]);
    const [, , used = 0, available = 0] = df.split(/\s+/).map(Number);
    expect(Math.abs(volume.totalBytes - (used + available) * 1024)).toBeLessThan(volume.totalBytes / 100);
    expect(volume.usedBytes + volume.availableBytes).toBe(volume.totalBytes);
    expect(limited.totalBytes).toBe(50 * 1024 * 1024);
    expect(limited.usedBytes + limited.availableBytes).toBe(limited.totalBytes);
  });

  it("is read with a token that opens the kubelets' statistics, and nothing else of them or of the API server", async () => {
    const [releaseNamespace = "", release = ""] = (process.env["AMALTHEA_TEST_HELM_RELEASE"] ?? "").split("/");
    const account = `${release}-kubelet-stats`;
    const token = (await kubectl(["create", "token", account, "-n", releaseNamespace])).trim();
    const node = await nodeAddress();
    expect(await kubeletStatus(node, "/stats/summary", token)).toBe(200);
    expect(await kubeletStatus(node, "/pods", token)).toBe(403);
    expect(await kubeletStatus(node, `/containerLogs/${namespace}/idle-0/jupyter-server`, token)).toBe(403);
    const user = `system:serviceaccount:${releaseNamespace}:${account}`;
    await expect(kubectl(["auth", "can-i", "get", "nodes", "--subresource=proxy", "--as", user])).rejects.toThrow();
    await expect(kubectl(["auth", "can-i", "list", "pods", "-A", "--as", user])).rejects.toThrow();
  });
});

/** With a metrics-server, which not every machine has built. */
describe.skipIf(metricsServerPath === undefined)("CPU and memory of a server", () => {
  it("are in its status, as metrics-server has them", async () => {
    const metricsServer = await MetricsServer.start(metricsServerPath ?? "");
    try {
      const usage =
        "jsonpath={.status.mainPod.resourceUsage.memoryBytes} {.status.mainPod.resourceUsage.cpuMillicores}";
      const shown = await until(
        async () => await kubectl(["get", "js", "idle", "-n", namespace, "-o", usage]),
        (text) => text.trim() !== "",
        180, // while it starts, the API server answers for it that it is away: the next attempt comes up to two minutes later
      );
      const [memoryBytes = 0, cpuMillicores] = shown.split(" ").map(Number);
      expect(cpuMillicores).toBeGreaterThanOrEqual(0);
      const top = await kubectl(["top", "pod", "idle-0", "-n", namespace, "--containers", "--no-headers"]);
      const memoryMi = Number(/jupyter-server\s+\d+m\s+(\d+)Mi/.exec(top)?.[1]);
      expect(memoryBytes / 1024 / 1024 / memoryMi).toBeGreaterThan(0.5);
      expect(memoryBytes / 1024 / 1024 / memoryMi).toBeLessThan(2);
    } finally {
      await metricsServer.stop();
    }
  });
});

type Disk = { readonly usedBytes: number; readonly availableBytes: number; readonly totalBytes: number };

type Measured = { readonly status?: { readonly mainPod?: { readonly resourceUsage?: { readonly disk?: Disk } } } };

async function diskOf(name: string): Promise<Disk> {
  return await until(
    async () => {
      const found = await find<Measured>("jupyterserver", name, namespace);
      const disk = found?.status?.mainPod?.resourceUsage?.disk;
      if (disk === undefined) throw new Error("not measured yet");
      return disk;
    },
    () => true,
  );
}

/** HTTP status of a request to a kubelet, whatever its certificate. */
function kubeletStatus(address: string, path: string, token: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const options = { rejectUnauthorized: false, agent: false, headers: { authorization: `Bearer ${token}` } };
    get(`https://${address}:10250${path}`, options, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on("error", reject);
  });
}

function inPod(name: string): readonly string[] {
  return ["exec", "-n", namespace, `${name}-0`, "-c", "jupyter-server", "--", "sh", "-c"];
}

describe("a server with a login", () => {
  it("is asked inside its pod, hibernated when nobody uses it, and has its files when it is resumed", async () => {
    const provider = await startIdentityProvider(namespace);
    const login = new TestServer("login", namespace, { host: "login-idle.localhost", path: "/" });
    await applyWithLogin(login, provider, { userId: "alice" }, VOLUME);
    await untilAsksForLogin(login);
    await kubectl([...inPod("login"), "echo data > /home/jovyan/work/kept"]);
    await setLimits(login, { idleSecondsThreshold: 3 });
    await waitFor("jupyterserver/login", namespace, "jsonpath={.status.state}=hibernated");
    await untilWithoutPod(login);
    await login.patch({ spec: { jupyterServer: { hibernated: false }, culling: { idleSecondsThreshold: 0 } } });
    await waitFor("jupyterserver/login", namespace, "condition=Ready");
    expect((await kubectl([...inPod("login"), "cat /home/jovyan/work/kept"])).trim()).toBe("data");
  });

  it("tells nobody without the key how it is used", async () => {
    const ask =
      "import urllib.request as r, urllib.error as e\ntry: print(r.urlopen('http://127.0.0.1:4184/activity').status)\nexcept e.HTTPError as x: print(x.code)";
    expect(
      (await kubectl(["exec", "-n", namespace, "login-0", "-c", "jupyter-server", "--", "python3", "-c", ask])).trim(),
    ).toBe("401");
  });
});
