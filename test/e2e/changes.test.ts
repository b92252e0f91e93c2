import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fetchThroughIngress, kubectl, leaveNamespace, until, useNamespace, waitFor } from "./cluster.ts";
import { field, inServer, untilObserved, untilReason, untilRestarted, untilWithout } from "./look.ts";
import { JUPYTER_IMAGE, TestServer } from "./server.ts";

let namespace: string;
let server: TestServer;

beforeAll(async () => {
  namespace = await useNamespace("e2e-changes");
  server = new TestServer("changed", namespace);
  await server.apply({ storage: { pvc: { enabled: true } } });
  await waitFor("jupyterserver/changed", namespace, "condition=Ready");
});

afterAll(() => leaveNamespace(namespace));

/** The steps are changes to one running server and build on each other. */
describe("a change of a running server", () => {
  it("that needs a new pod waits, and is named", async () => {
    const pod = await server.podUid();
    const env = [{ name: "GREETING", value: "hello" }];
    await server.patch({ spec: { jupyterServer: { image: "jupyter/other:v2", defaultUrl: "/tree", env } } });
    const { message } = (await untilReason(server, "UpdatePending", "ChangesWaiting")) ?? {};
    for (const name of ["image", "defaultUrl", "env"]) expect(message).toContain(`jupyterServer.${name}`);
    expect(await server.condition("Ready")).toMatchObject({ status: "True" });
    expect(await server.podUid()).toBe(pod);
  });

  it("that is taken back waits no more", async () => {
    await server.patch({ spec: { jupyterServer: { image: JUPYTER_IMAGE } } });
    await until(
      () => server.condition("UpdatePending"),
      (condition) => condition !== undefined && !condition.message.includes("jupyterServer.image"),
    );
  });

  it("reaches it by hibernation and resume", async () => {
    await server.patch({ spec: { jupyterServer: { hibernated: true } } });
    await waitFor("pod/changed-0", namespace, "delete");
    await server.patch({ spec: { jupyterServer: { hibernated: false } } });
    await waitFor("jupyterserver/changed", namespace, "condition=Ready");
    expect(await inServer(server, "echo $GREETING $AMALTHEA_DEFAULT_URL")).toBe("hello /tree");
    await untilWithout(server, "UpdatePending");
  });

  it("of labels reaches the children at once", async () => {
    const pod = await server.podUid();
    await server.patch({ metadata: { labels: { team: "one" } } });
    for (const kind of ["service", "ingress", "statefulset", "configmap", "persistentvolumeclaim"]) {
      await waitFor(`${kind}/changed`, namespace, "jsonpath={.metadata.labels.team}=one");
    }
    expect(await server.podUid()).toBe(pod);
    expect(await server.condition("UpdatePending")).toBeUndefined();
  });

  it("of the Ingress's annotations and class reaches it at once", async () => {
    const pod = await server.podUid();
    const ingressAnnotations = { "example.org/buffering": "off" };
    await server.patch({ spec: { routing: { ingressAnnotations, ingressClassName: "another" } } });
    await waitFor("ingress/changed", namespace, "jsonpath={.spec.ingressClassName}=another");
    expect(await field("ingress", server, ".metadata.annotations.example\\.org/buffering")).toBe("off");
    const { message } = (await untilReason(server, "RouteWarning", "IngressClassMissing")) ?? {};
    expect(message).toContain("The IngressClass another does not exist");
    await server.patch({ spec: { routing: { ingressAnnotations: null, ingressClassName: null } } });
    await untilWithout(server, "RouteWarning");
    await until(
      () => field("ingress", server, ".metadata"),
      (metadata) => metadata.includes("annotations") && !metadata.includes("buffering"),
    );
    expect(await server.podUid()).toBe(pod);
    expect(await server.condition("UpdatePending")).toBeUndefined();
  });

  it("of the path waits with the pod; until then the old address answers", async () => {
    const token = await server.token();
    const moved = `${server.url}/moved`;
    const answer = async (url: string): Promise<number> =>
      (await fetchThroughIngress(`${url}/api/status?token=${token}`)).status;
    await until(
      () => answer(server.url),
      (status) => status === 200,
    );
    await server.patch({ spec: { routing: { path: `${server.path}/moved` } } });
    await untilReason(server, "UpdatePending", "ChangesWaiting");
    expect(await answer(server.url)).toBe(200);
    expect((await server.read()).status?.url).toMatch(/\/changed$/);

    const pod = await server.podUid();
    await kubectl(["delete", "pod", "changed-0", "-n", namespace, "--grace-period=1"]);
    await untilRestarted(server, pod);
    await until(
      () => answer(moved),
      (status) => status === 200,
    );
    expect(await answer(server.url)).toBe(404);
    const { status } = await until(
      () => server.read(),
      ({ status: current }) => current?.url?.endsWith("/moved") === true,
    );
    expect(status?.create_fn?.fullServerURL).toBe(status?.url);
    await untilWithout(server, "UpdatePending");
  });

  it("of the StatefulSet by hand is taken back, and the pod stays", async () => {
    const pod = await server.podUid();
    const containers = [{ name: "jupyter-server", image: "jupyter/by-hand:v1" }];
    await kubectl([
      ...["patch", "statefulset", "changed", "-n", namespace],
      ...["-p", JSON.stringify({ spec: { template: { spec: { containers } } } })],
    ]);
    await until(
      () => field("statefulset", server, ".spec.template.spec.containers[0].image"),
      (image) => image === JUPYTER_IMAGE,
    );
    expect(await server.podUid()).toBe(pod);
  });
});

describe("a restart", () => {
  it.each([
    { by: "kubectl rollout restart", command: ["rollout", "restart", "statefulset/changed"] },
    { by: "an annotation", command: ["annotate", "jupyterserver", "changed", "amalthea.dev/restartedAt=now"] },
  ])("asked for by $by happens once", async ({ command }) => {
    const pod = await server.podUid();
    await kubectl([...command, "-n", namespace]);
    await untilRestarted(server, pod);
    const next = await server.podUid();
    await server.patch({ metadata: { labels: { team: command.at(-1)?.replace(/\W/g, "-") } } });
    await waitFor("statefulset/changed", namespace, "jsonpath={.status.readyReplicas}=1");
    expect(await server.podUid()).toBe(next);
  });

  it("comes with the change under updatePolicy Restart", async () => {
    const pod = await server.podUid();
    await server.patch({ spec: { updatePolicy: "Restart" } });
    await untilObserved(server);
    expect(await server.podUid()).toBe(pod);
    await server.patch({ spec: { jupyterServer: { env: [{ name: "GREETING", value: "good evening" }] } } });
    await untilRestarted(server, pod);
    expect(await inServer(server, "echo $GREETING")).toBe("good evening");
    await untilWithout(server, "UpdatePending");
  });
});
