import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cluster, get, kubectl, leaveNamespace, namesOf, useNamespace, waitFor } from "./cluster.ts";
import { field, podOf, untilObserved } from "./look.ts";
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

/** An object store that nobody answers at: it must disturb nobody. */
const AUDIT_LOG = [
  ...[
    "enabled=true",
    "s3.endpoint=http://127.0.0.1:9",
    "s3.bucket=audit",
    "s3.accessKeyId=id",
    "s3.secretAccessKey=key",
  ],
]
  .map((value) => `auditLog.${value}`)
  .join(",");

describe("helm uninstall", () => {
  it("keeps the CRD, the servers and their pods", async () => {
    const pod = await server.podUid();
    helm("uninstall", release, "--namespace", releaseNamespace, "--wait");
    await kubectl(["get", "crd", "jupyterservers.amalthea.dev"]);
    expect((await server.read()).status?.state).toBe("running");
    expect(await server.podUid()).toBe(pod);
  });

  it("does not stand in the way of deleting a server", async () => {
    const other = new TestServer("orphan", namespace);
    await other.apply();
    await kubectl(["delete", "jupyterserver", "orphan", "-n", namespace, "--timeout=120s"]);
  });

  it("and a new install takes the servers up again without touching their pods", async () => {
    const pod = await server.podUid();
    helm(...installArguments, "--set", AUDIT_LOG);
    await server.patch({ metadata: { labels: { "example.org/seen": "yes" } } });
    type Labelled = { metadata: { labels: Record<string, string> } };
    await kubectl([
      "wait",
      "service/survivor",
      "-n",
      namespace,
      "--for=jsonpath={.metadata.labels.example\\.org/seen}=yes",
      "--timeout=240s",
    ]);
    expect((await get<Labelled>("service", "survivor", namespace)).metadata.labels["example.org/seen"]).toBe("yes");
    expect(await server.podUid()).toBe(pod);
  });
});

describe("a controller that is killed in the middle of changes", () => {
  it("leaves what the next one finishes: everything is as the spec says, and the pod is untouched", async () => {
    const pod = await podOf(server);
    const change = async (spec: object): Promise<void> => server.patch({ spec });
    await change({ routing: { ingressAnnotations: { "example.org/step": "1" } } });
    const selector = `app.kubernetes.io/instance=${release},app.kubernetes.io/component=controller`;
    const kill = [
      "delete",
      "pods",
      "-n",
      releaseNamespace,
      "-l",
      selector,
      "--wait=false",
      "--grace-period=0",
      "--force",
    ];
    await kubectl(kill);
    await change({ jupyterServer: { defaultUrl: "/tree" } });
    await kubectl(["delete", "service", "survivor", "-n", namespace, "--wait=false"]);
    await kubectl(kill);
    await change({ routing: { ingressAnnotations: { "example.org/step": "2" } }, auth: { token: "another" } });
    await server.patch({ metadata: { labels: { "example.org/seen": "again" } } });

    const { status } = await untilObserved(server);
    expect(status?.state).toBe("running");
    for (const kind of ["service", "ingress", "statefulset", "configmap"]) {
      await waitFor(`${kind}/survivor`, namespace, "jsonpath={.metadata.labels.example\\.org/seen}=again");
    }
    expect(await field("ingress", server, ".metadata.annotations.example\\.org/step")).toBe("2");
    expect(await field("statefulset", server, ".spec.template.spec.containers[0].env")).toContain("/tree");
    expect((await server.condition("UpdatePending"))?.message).toContain("auth.token, jupyterServer.defaultUrl");
    expect(await podOf(server)).toMatchObject({
      metadata: { uid: pod?.metadata.uid },
      status: { containerStatuses: [{ restartCount: 0, ready: true }] },
    });
  });
});

describe("the audit log of an installed controller", () => {
  it("is on the volume of the leader's pod, where it waits for the object store", async () => {
    await server.patch({ spec: { jupyterServer: { hibernated: true } } });
    await waitFor("jupyterserver/survivor", namespace, "jsonpath={.status.state}=hibernated");
    const selector = `app.kubernetes.io/instance=${release},app.kubernetes.io/component=controller`;
    const pods = await namesOf("pods", releaseNamespace, selector);
    const read = async (pod: string): Promise<string> =>
      await kubectl(["exec", "-n", releaseNamespace, pod, "--", ...READ]);
    const logs = await Promise.all(pods.map(read));
    const lines = logs.flatMap((text) => text.split("\n").filter((line) => line.includes(namespace))).toSorted(); // by their time
    const last = JSON.parse(lines.at(-1) ?? "{}") as { readonly message?: object };
    expect(last.message).toMatchObject({ name: "survivor", status: "hibernated", old_status: "running" });
  });
});

/** Prints all files, or nothing on a standby. */
const READ = [
  "node",
  "--eval",
  "try{for(const name of fs.globSync('/var/lib/amalthea/audit-log/*.txt'))console.log(fs.readFileSync(name,'utf8'))}catch{}",
];
