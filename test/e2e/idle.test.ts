import { readKernels, readTerminals } from "@amalthea/api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { activityIn, type Activity } from "../../controller/src/decide/culling/activity.ts";
import { kubectl, leaveNamespace, until, useNamespace, waitFor } from "./cluster.ts";
import { applyWithLogin, startIdentityProvider, untilAsksForLogin } from "./identity-provider.ts";
import { Kernel } from "./kernel.ts";
import { TestServer } from "./server.ts";

const VOLUME = { storage: { size: "100Mi", pvc: { enabled: true } } };

let namespace: string;
let server: TestServer;

beforeAll(async () => {
  namespace = await useNamespace("e2e-idle");
  server = new TestServer("idle", namespace);
  await server.apply(VOLUME);
  await waitFor("jupyterserver/idle", namespace, "condition=Ready");
});

afterAll(() => leaveNamespace(namespace));

/** What JupyterLab itself says now, read as the controller reads it. */
async function activity(): Promise<Activity> {
  const token = await server.token();
  const body = async (path: string): Promise<unknown> => {
    const { body: text, status } = await server.ask(`/api/${path}?no_track_activity=1`, token);
    expect(status).toBe(200);
    return JSON.parse(text);
  };
  const kernels = readKernels(await body("kernels"), Date.now());
  const terminals = readTerminals(await body("terminals"), Date.now());
  if (kernels === undefined || terminals === undefined) throw new Error("this is no answer of Jupyter's");
  return activityIn({ kernels, terminals }, { openTabsAreActivity: true, cpuUsageMillicoresIdleThreshold: 0 });
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
    await until(activity, ({ now }) => now.length === 0);
    expect((await activity()).quietSeconds).toBe(Number.POSITIVE_INFINITY);
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
    const working = kernel.run("import time; time.sleep(12); print(time.time())");
    await setLimits(server, { idleSecondsThreshold: 5 });
    const ended = Number(await working);
    expect(await isHibernated("idle")).toBe(false);
    await waitFor("jupyterserver/idle", namespace, "jsonpath={.status.state}=hibernated");
    const note = await kubectl([
      "get",
      "events",
      "-n",
      namespace,
      "--field-selector=reason=LimitReached",
      "-o",
      "jsonpath={.items[0].message}",
    ]);
    const reachedAt = Date.parse(/at (\S+)\.$/.exec(note)?.[1] ?? "") / 1000;
    expect(reachedAt - ended).toBeGreaterThanOrEqual(4); // its activity, and the limit, to the second
    expect(note).toContain("idleSecondsThreshold");
  });

  it("has its files when it is resumed", async () => {
    await until(
      async () => await kubectl(["get", "pod", "-n", namespace, "-l", "amalthea.dev/parent-name=idle", "-o", "name"]),
      (name) => name === "",
    );
    await server.patch({ spec: { jupyterServer: { hibernated: false }, culling: { idleSecondsThreshold: 0 } } });
    await waitFor("jupyterserver/idle", namespace, "condition=Ready");
    const fresh = await until(
      () => Kernel.start(server),
      () => true,
    );
    expect(await fresh.run("print(open('kept').read())")).toBe("data");
  });
});

describe("a server with a login", () => {
  it("is asked inside its pod, hibernated when nobody uses it, and has its files when it is resumed", async () => {
    const provider = await startIdentityProvider(namespace);
    const login = new TestServer("login", namespace, { host: "login-idle.localhost", path: "/" });
    await applyWithLogin(login, provider, { userId: "alice" }, VOLUME);
    await untilAsksForLogin(login);
    const inPod = ["exec", "-n", namespace, "login-0", "-c", "jupyter-server", "--", "sh", "-c"];
    await kubectl([...inPod, "echo data > /home/jovyan/work/kept"]);
    await setLimits(login, { idleSecondsThreshold: 3 });
    await waitFor("jupyterserver/login", namespace, "jsonpath={.status.state}=hibernated");
    await until(
      async () => await kubectl(["get", "pod", "-n", namespace, "login-0", "--ignore-not-found", "-o", "name"]),
      (name) => name === "",
    );
    await login.patch({ spec: { jupyterServer: { hibernated: false }, culling: { idleSecondsThreshold: 0 } } });
    await waitFor("jupyterserver/login", namespace, "condition=Ready");
    expect((await kubectl([...inPod, "cat /home/jovyan/work/kept"])).trim()).toBe("data");
  });

  it("tells nobody without the key how it is used", async () => {
    const ask =
      "import urllib.request as r, urllib.error as e\ntry: print(r.urlopen('http://127.0.0.1:4184/activity').status)\nexcept e.HTTPError as x: print(x.code)";
    expect(
      (await kubectl(["exec", "-n", namespace, "login-0", "-c", "jupyter-server", "--", "python3", "-c", ask])).trim(),
    ).toBe("401");
  });
});
