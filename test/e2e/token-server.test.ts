import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchBrowser, runInNewNotebook } from "./browser.ts";
import {
  cluster,
  fetchThroughIngress,
  kubectl,
  leaveNamespace,
  namesOf,
  until,
  useNamespace,
  waitFor,
} from "./cluster.ts";
import { commandsOfGuide } from "./guide.ts";
import { TestServer } from "./server.ts";

let namespace: string;
let server: TestServer;
let browser: Browser;

beforeAll(async () => {
  namespace = await useNamespace("e2e-token");
  server = new TestServer("notebook", namespace);
  browser = await launchBrowser();
});

afterAll(async () => {
  await browser.close();
  await leaveNamespace(namespace);
});

/** The steps are the life of one server and build on each other, as they do for the person who owns it. */
describe("a server with a volume and a generated token", () => {
  it("becomes Ready, as kubectl wait sees it", async () => {
    await server.apply({ storage: { size: "100Mi", pvc: { enabled: true } } });
    await waitFor("jupyterserver/notebook", namespace, "condition=Ready");
    const { status, metadata } = await server.read();
    expect(status).toMatchObject({ state: "running", observedGeneration: metadata.generation });
    expect(status?.url).toBe(status?.create_fn?.fullServerURL);
  });

  it("shows its state among the columns of kubectl get", async () => {
    const [header = "", row = ""] = (await kubectl(["get", "js", "notebook", "-n", namespace])).split("\n");
    expect(header.split(/\s{2,}/)).toEqual(expect.arrayContaining(["NAME", "STATE", "URL", "AGE"]));
    expect(row).toMatch(/^notebook\s.*\brunning\b/);
  });

  it("answers its API to the token that the README's command prints, and to nobody else", async () => {
    const context = cluster.context === undefined ? "" : ` --context=${cluster.context}`;
    const here = `kubectl --kubeconfig=${cluster.kubeconfig}${context} -n ${namespace}`;
    const commands = await commandsOfGuide("token: of a server", { kubectl: here, "my-notebook": "notebook" });
    const { stdout: token } = await promisify(execFile)("sh", ["-ec", `${commands}printf %s "$TOKEN"`]);
    expect(token).toMatch(/^[0-9a-f]{64}$/);
    const right = await until(
      () => server.ask("/api/status", token),
      ({ status }) => status !== 404,
    );
    expect(right.status).toBe(200);
    const wrong = await server.ask(
      "/api/status",
      token.replace(/.$/, (last) => (last === "0" ? "1" : "0")),
    );
    expect(wrong.status).toBe(403);
    const none = await fetchThroughIngress(`${server.url}/api/status`);
    expect(none.status).toBe(403);
  });

  it("has no token in any object but its Secret", async () => {
    const token = await server.token();
    const kinds = "statefulsets,pods,services,ingresses,configmaps,persistentvolumeclaims,jupyterservers,events";
    expect(await kubectl(["get", kinds, "-n", namespace, "-o", "yaml"])).not.toContain(token);
  });

  it("shows the login page, not the lab, to a browser with a wrong token", async () => {
    const page = await browser.newPage();
    await page.goto(`${server.url}/lab?token=wrong`);
    expect(new URL(page.url()).pathname).toBe(`${server.path}/login`);
    await page.close();
  });

  it("runs a notebook cell in a browser and shows its result", async () => {
    const page = await browser.newPage();
    await page.goto(`${server.url}/lab?token=${await server.token()}`);
    expect(await runInNewNotebook(page, "open('kept.txt', 'w').write('still here'); print(6 * 7)")).toContain("42");
    await page.close();
  });

  it("keeps its files when its pod is killed", async () => {
    const before = await server.podUid();
    await kubectl(["delete", "pod", "notebook-0", "-n", namespace, "--grace-period=1"]);
    await waitFor("jupyterserver/notebook", namespace, "condition=Ready");
    expect(await server.podUid()).not.toBe(before);
    expect(await readKeptFile()).toBe("still here");
  });

  it("hibernates: the pod goes, the volume stays", async () => {
    await server.patch({ spec: { jupyterServer: { hibernated: true } } });
    await waitFor("pod/notebook-0", namespace, "delete");
    await waitFor("jupyterserver/notebook", namespace, "condition=Hibernated");
    expect((await server.read()).status?.state).toBe("hibernated");
    expect(await namesOf("persistentvolumeclaims", namespace, "amalthea.dev/parent-name=notebook")).toHaveLength(1);
  });

  it("resumes with the same files and the same token", async () => {
    const token = await server.token();
    await server.patch({ spec: { jupyterServer: { hibernated: false } } });
    await waitFor("jupyterserver/notebook", namespace, "condition=Ready");
    expect(await server.token()).toBe(token);
    expect(await readKeptFile()).toBe("still here");
  });

  it("leaves nothing behind when it is deleted", async () => {
    await kubectl(["delete", "jupyterserver", "notebook", "-n", namespace, "--timeout=120s"]);
    const kinds = "statefulsets,pods,services,ingresses,configmaps,secrets,persistentvolumeclaims,networkpolicies";
    const left = () => namesOf(kinds, namespace, "amalthea.dev/parent-name=notebook");
    await until(left, (names) => names.length === 0, 120);
  });
});

describe("a server whose pod is described in Kubernetes' own fields", () => {
  const described = (): TestServer => new TestServer("described", namespace);
  const inPod = async (script: string): Promise<string> =>
    (await kubectl(["exec", "described-0", "-n", namespace, "-c", "jupyter-server", "--", "sh", "-c", script])).trim();

  it("starts as they say", async () => {
    await kubectl(["create", "configmap", "course", "-n", namespace, "--from-literal=COURSE=7"]);
    const hook = "cd /tmp && echo hooked > hook && (python3 -m http.server 8787 > /dev/null 2>&1 &)";
    await described().apply({
      jupyterServer: {
        podLabels: { team: "physics" },
        podAnnotations: { "example.org/note": "n" },
        imagePullPolicy: "IfNotPresent",
        command: ["tini", "-g", "--"],
        args: ["start-notebook.sh", "--ServerApp.terminals_enabled=False"],
        env: [{ name: "HOME", value: "/tmp" }],
        envFrom: [{ configMapRef: { name: "course" } }, { secretRef: { name: "nowhere", optional: true } }],
        lifecycle: { postStart: { exec: { command: ["sh", "-c", hook] } }, preStop: { exec: { command: ["true"] } } },
        terminationGracePeriodSeconds: 5,
        startupProbe: { failureThreshold: 200 },
        readinessProbe: { periodSeconds: 1 },
        livenessProbe: { initialDelaySeconds: 1, timeoutSeconds: 9 },
        automountServiceAccountToken: true,
        securityContext: { runAsUser: 1234, runAsGroup: 1235, fsGroup: 4321, supplementalGroups: [77] },
        topologySpreadConstraints: [
          {
            maxSkew: 1,
            topologyKey: "kubernetes.io/hostname",
            whenUnsatisfiable: "ScheduleAnyway",
            labelSelector: { matchLabels: { team: "physics" } },
          },
        ],
        extraPorts: [{ name: "dashboard", containerPort: 8787 }],
      },
      storage: { size: "100Mi", pvc: { enabled: true, accessModes: ["ReadWriteOnce"], subPath: "alice/work" } },
    });
    await waitFor("jupyterserver/described", namespace, "condition=Ready");
    expect(await inPod("id -u; id -g; id -G")).toMatch(/^1234\n1235\n1235 .*\b77\b/);
    expect(await inPod("echo $COURSE; cat /tmp/hook; ls /var/run/secrets/kubernetes.io/serviceaccount/token")).toBe(
      "7\nhooked\n/var/run/secrets/kubernetes.io/serviceaccount/token",
    );
    expect(await namesOf("pods", namespace, "team=physics")).toHaveLength(1);
  });

  it("keeps its files in the directory of the volume, and offers its port", async () => {
    const body = JSON.stringify({ type: "file", format: "text", content: "kept" });
    const put = await until(
      async () => described().ask("/api/contents/a.txt", await described().token(), { method: "PUT", body }),
      ({ status }) => status !== 404,
    );
    expect(put.status).toBe(201);
    expect(await inPod("cat /home/jovyan/work/a.txt; echo; grep -c alice/work /proc/self/mountinfo")).toBe("kept\n1");
    const slices = ["get", "endpointslices", "-n", namespace, "-l", "kubernetes.io/service-name=described", "-o"];
    expect(await kubectl([...slices, "jsonpath={.items[*].ports[*].port}"])).toContain("8787");
    await kubectl(["delete", "jupyterserver", "described", "-n", namespace, "--timeout=120s"]);
  });
});

async function readKeptFile(): Promise<unknown> {
  const token = await server.token();
  const answer = await until(
    () => server.ask("/api/contents/kept.txt", token),
    ({ status }) => status === 200,
  );
  const contents = JSON.parse(answer.body) as { content: unknown };
  return contents.content;
}
