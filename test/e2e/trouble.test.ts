import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { apply, cluster, kubectl, leaveNamespace, until, useNamespace, waitFor } from "./cluster.ts";
import { podOf, untilReason, untilWithout } from "./look.ts";
import { TestServer } from "./server.ts";

let namespace: string;
let fullNamespace: string;

/** A patch that runs a shell script before Jupyter, or instead of it. */
function running(script: string): readonly object[] {
  const command = {
    op: "add",
    path: "/statefulset/spec/template/spec/containers/0/command",
    value: ["sh", "-c", script],
  };
  return [{ type: "application/json-patch+json", patch: [command] }];
}

const COUNTING = "n=$(cat kept 2>/dev/null || echo 0); echo $((n + 1)) > kept";

/** All are made at once, because some troubles take Kubernetes more than a minute to come to. */
const TROUBLED: Readonly<Record<string, { readonly [field: string]: object }>> = {
  hungry: { jupyterServer: { resources: { limits: { memory: "40Mi" } } } },
  crashing: { patches: running("exit 3") },
  recovered: { patches: running(`cd /home/jovyan/work; ${COUNTING}; [ $n -ge 4 ] || exit 1; exec start-notebook.sh`) },
  homeless: { jupyterServer: { nodeSelector: { "example.org/none": "has-this" } } },
  waiting: { auth: { tokenSecretRef: { name: "later", key: "token" } } },
};

beforeAll(async () => {
  namespace = await useNamespace("e2e-trouble");
  fullNamespace = cluster.namespace ?? (await useNamespace("e2e-trouble-full"));
  await Promise.all(Object.entries(TROUBLED).map(([name, spec]) => server(name).apply(spec)));
});

afterAll(async () => {
  await leaveNamespace(namespace);
  await leaveNamespace(fullNamespace);
});

function server(name: string): TestServer {
  return new TestServer(name, namespace);
}

async function untilReady(name: string): Promise<void> {
  await waitFor(`jupyterserver/${name}`, namespace, "condition=Ready");
  await untilWithout(server(name), "Stalled");
}

describe("a server in trouble reports it, and runs once that is fixed", () => {
  it("no node fits: Unschedulable, and for now it waits", async () => {
    const { message } = (await untilReason(server("homeless"), "Ready", "Unschedulable")) ?? {};
    expect(message).toMatch(/didn't match Pod's node affinity/);
    expect((await server("homeless").read()).status?.state).toBe("starting");
    await server("homeless").patch({ spec: { jupyterServer: { nodeSelector: null } } });
    await untilReady("homeless");
  });

  it("the Secret with its token is missing: SecretMissing", async () => {
    const { message } = (await untilReason(server("waiting"), "Ready", "SecretMissing")) ?? {};
    expect(message).toContain("later");
    await apply({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "later", namespace },
      stringData: { token: "a-token-of-mine" },
    });
    await untilReady("waiting");
    const answer = await until(
      () => server("waiting").ask("/api/status", "a-token-of-mine"),
      ({ status }) => status !== 404,
    );
    expect(answer.status).toBe(200);
  });

  it("too little memory: OutOfMemory", async () => {
    const { message } = (await untilReason(server("hungry"), "Ready", "OutOfMemory")) ?? {};
    expect(message).toContain("jupyter-server");
    await server("hungry").patch({ spec: { jupyterServer: { resources: { limits: { memory: "512Mi" } } } } });
    await untilReady("hungry");
  });

  it("its program ends again and again: CrashLoop", async () => {
    const { message } = (await untilReason(server("crashing"), "Stalled", "CrashLoop", 240)) ?? {};
    expect(message).toContain("3");
    expect((await server("crashing").read()).status?.state).toBe("failed");
    await server("crashing").patch({ spec: { patches: [] } });
    await untilReady("crashing");
  });

  it("it crashed four times and works now: it is running", async () => {
    await untilReady("recovered");
    const pod = await podOf(server("recovered"));
    expect(pod?.status.containerStatuses).toMatchObject([{ restartCount: 4, ready: true }]);
    expect((await server("recovered").read()).status?.state).toBe("running");
  });

  it.skipIf(cluster.namespace !== undefined)("the quota is used up: QuotaExceeded", async () => {
    const quota = { apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "full", namespace: fullNamespace } };
    await apply({ ...quota, spec: { hard: { pods: "0" } } });
    await waitFor("resourcequota/full", fullNamespace, "jsonpath={.status.hard.pods}=0");
    const refused = new TestServer("refused", fullNamespace);
    await refused.apply();
    const { message } = (await untilReason(refused, "Stalled", "QuotaExceeded")) ?? {};
    expect(message).toContain("pods=0");
    expect((await refused.read()).status?.state).toBe("failed");
    await kubectl(["delete", "resourcequota", "full", "-n", fullNamespace]);
    await waitFor("jupyterserver/refused", fullNamespace, "condition=Ready");
    await untilWithout(refused, "Stalled");
  });
});
