import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { apply, cluster, find, kubectl, leaveNamespace, until, useNamespace, waitFor } from "./cluster.ts";
import { podOf, untilReason, untilWithout } from "./look.ts";
import { TestServer } from "./server.ts";

let namespace: string;
let fullNamespace: string;

/** In a cluster of the user's: what needs more than one namespace, or our version of the kubelet, is left out there. */
const isOfUser = cluster.namespace !== undefined;

type Operation = { readonly op: string; readonly path: string; readonly value: unknown };

/** A patch of the pod by operations on its spec. */
function podPatch(...operations: readonly Operation[]): readonly object[] {
  const patch = operations.map(({ path, ...rest }) => ({ ...rest, path: `/statefulset/spec/template/spec${path}` }));
  return [{ type: "application/json-patch+json", patch }];
}

/** An operation that runs a shell script before Jupyter, or instead of it. */
function script(text: string): Operation {
  return { op: "add", path: "/containers/0/command", value: ["sh", "-c", text] };
}

function running(text: string): readonly object[] {
  return podPatch(script(text));
}

const COUNTING = "n=$(cat kept 2>/dev/null || echo 0); echo $((n + 1)) > kept";

const ROOMY = { requests: { memory: "100Mi" }, limits: { memory: "512Mi" } };
/** Less than a Jupyter server uses. */
const CRAMPED = { requests: { memory: "30Mi" }, limits: { memory: "30Mi" } };

/** All are made at once, because some troubles take Kubernetes more than a minute to come to. */
const TROUBLED: Readonly<Record<string, { readonly [field: string]: object }>> = {
  hungry: { jupyterServer: { resources: { limits: { memory: "40Mi" } } } },
  crashing: { patches: running("exit 3") },
  recovered: {
    patches: running(`cd /home/jovyan/work; ${COUNTING}; [ $n -ge 4 ] || exit 1; exec start-notebook.sh`),
    routing: { tls: { enabled: true, secretName: "certificate" } },
  },
  homeless: { jupyterServer: { nodeSelector: { "example.org/none": "has-this" } } },
  volumeless: { storage: { pvc: { enabled: true, volumeName: "nowhere", storageClassName: "" } } },
  misspelt: { jupyterServer: { command: ["start-my-notebook.sh"] } },
  unprepared: { jupyterServer: { lifecycle: { postStart: { exec: { command: ["sh", "-c", "exit 1"] } } } } },
  waiting: { auth: { tokenSecretRef: { name: "later", key: "token" } }, jupyterServer: { resources: ROOMY } },
  elsewhere: {
    patches: podPatch(script("exec python3 -m http.server 9999"), {
      op: "replace",
      path: "/containers/0/startupProbe/failureThreshold",
      value: 5,
    }),
  },
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
  it("no node has the labels: NoMatchingNode, and for now it waits", async () => {
    const { message } = (await untilReason(server("homeless"), "Ready", "NoMatchingNode")) ?? {};
    expect(message).toMatch(/didn't match Pod's node affinity.*nodeSelector/);
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

  it("the Secret with its token has no such key: SecretKeyMissing", async () => {
    await apply({ apiVersion: "v1", kind: "Secret", metadata: { name: "half", namespace }, stringData: { other: "" } });
    await server("keyless").apply({ auth: { tokenSecretRef: { name: "half", key: "token" } } });
    const { message } = (await untilReason(server("keyless"), "Ready", "SecretKeyMissing")) ?? {};
    expect(message).toContain("The Secret half has no key token.");
  });

  it("its existing claim has no volume: ClaimPending, with the name of the claim", async () => {
    const existingClaim = "nobody-provides-this";
    await apply({
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: existingClaim, namespace },
      spec: { accessModes: ["ReadWriteOnce"], storageClassName: "", resources: { requests: { storage: "1Mi" } } },
    });
    await server("borrowing").apply({ storage: { pvc: { enabled: true, existingClaim } } });
    const { message } = (await untilReason(server("borrowing"), "Ready", "ClaimPending")) ?? {};
    expect(message).toContain(existingClaim);
  });

  it("its claim names a volume that does not exist: ClaimPending, and the claim is recreated without it", async () => {
    const { message } = (await untilReason(server("volumeless"), "Ready", "ClaimPending")) ?? {};
    expect(message).toContain("the volume nowhere that it names does not exist");
    await server("volumeless").patch({ spec: { storage: { pvc: { volumeName: null, storageClassName: null } } } });
    await until(
      () => find<{ status: { phase?: string } }>("persistentvolumeclaim", "volumeless", namespace),
      (claim) => claim?.status.phase === "Bound",
    );
    await kubectl(["delete", "jupyterserver", "volumeless", "-n", namespace, "--wait=false"]);
  });

  it.skipIf(isOfUser)("the node cannot set up its pod: SandboxFailed", async () => {
    const name = "e2e-no-such-runtime";
    const handler = "no-such-runtime";
    await apply({ apiVersion: "node.k8s.io/v1", kind: "RuntimeClass", metadata: { name }, handler });
    await server("unboxed").apply({ patches: podPatch({ op: "add", path: "/runtimeClassName", value: name }) });
    const { message } = (await untilReason(server("unboxed"), "Ready", "SandboxFailed")) ?? {};
    expect(message).toContain(handler);
  });

  it("its node is drained: FilesLost, with that cause", async () => {
    const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: "homeless-0", namespace } };
    const path = `/api/v1/namespaces/${namespace}/pods/homeless-0/eviction`;
    await kubectl(["create", `--raw=${path}`, "-f=-"], JSON.stringify(eviction));
    const { message } = (await untilReason(server("homeless"), "StorageWarning", "FilesLost")) ?? {};
    expect(message).toContain("as happens when a node is drained");
  });

  it.skipIf(isOfUser)("its memory limit is set below what it uses: ResizeFailed, and it runs on", async () => {
    const uid = await server("waiting").podUid();
    await server("waiting").patch({ spec: { jupyterServer: { resources: CRAMPED } } });
    const { message } = (await untilReason(server("waiting"), "UpdatePending", "ResizeFailed")) ?? {};
    expect(message).toMatch(/below current usage/);
    expect(await server("waiting").condition("Ready")).toMatchObject({ status: "True" });
    expect(await server("waiting").podUid()).toBe(uid);
  });

  it("its program listens elsewhere: NotAnswering, with the port and the path", async () => {
    const { message } = (await untilReason(server("elsewhere"), "Stalled", "NotAnswering")) ?? {};
    expect(message).toContain(`port 8888 under ${server("elsewhere").path}/api`);
    expect((await server("elsewhere").read()).status?.state).toBe("failed");
  });

  it("its image has no such command: ContainerStartFailed, also between the kubelet's attempts", async () => {
    // In one write with what is said of it.
    const { status } = await until(
      () => server("misspelt").read(),
      ({ status }) => JSON.stringify(status?.mainPod ?? {}).includes('"lastState":{"terminated":'),
    );
    const stalled = status?.conditions?.find(({ type }) => type === "Stalled");
    expect(stalled).toMatchObject({ reason: "ContainerStartFailed" });
    expect(stalled?.message).toContain('exec: "start-my-notebook.sh": executable file not found in $PATH');
    await server("misspelt").patch({ spec: { jupyterServer: { command: null } } });
    await untilReady("misspelt");
  });

  it("its handler after the start fails: ContainerStartFailed, also between the kubelet's attempts", async () => {
    const { message } = (await untilReason(server("unprepared"), "Stalled", "ContainerStartFailed")) ?? {};
    expect(message).toContain("its handler lifecycle.postStart failed");
    await until(
      () => podOf(server("unprepared")),
      (pod) => (pod?.status.containerStatuses?.[0]?.restartCount ?? 0) > 1,
    );
    const { status } = await server("unprepared").read();
    expect(status?.conditions).toContainEqual(
      expect.objectContaining({ type: "Stalled", reason: "ContainerStartFailed" }),
    );
    await server("unprepared").patch({ spec: { jupyterServer: { lifecycle: null } } });
    await untilReady("unprepared");
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

  it.skipIf(isOfUser)("the quota is used up: QuotaExceeded", async () => {
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

  it("the Secret with its certificate is missing: TlsSecretMissing, although it runs", async () => {
    const { message } = (await untilReason(server("recovered"), "RouteWarning", "TlsSecretMissing")) ?? {};
    expect(message).toContain("The Secret certificate");
    expect(await server("recovered").condition("Ready")).toMatchObject({ status: "True" });
  });
});
