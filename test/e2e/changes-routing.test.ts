import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fetchThroughIngress, kubectl, leaveNamespace, namesOf, until, useNamespace, waitFor } from "./cluster.ts";
import { field, untilObserved, untilReason, untilRestarted, untilWithout } from "./look.ts";
import { TestServer } from "./server.ts";

let namespace: string;
let older: TestServer;
let younger: TestServer;
let token: string; // of the younger one

beforeAll(async () => {
  namespace = await useNamespace("e2e-routing");
  older = new TestServer("older", namespace);
  younger = new TestServer("younger", namespace);
  await older.apply({ routing: { path: `//${namespace}//older/` } });
  await waitFor("jupyterserver/older", namespace, "condition=Ready");
});

afterAll(() => leaveNamespace(namespace));

const answers = async (server: TestServer, token: string): Promise<number> =>
  (await fetchThroughIngress(`${server.url}/api/status?token=${token}`)).status;

const untilAnswering = async (server: TestServer, token: string): Promise<number> =>
  until(
    () => answers(server, token),
    (status) => status === 200,
  );

/** The steps build on each other. */
describe("routes", () => {
  it("have one spelling however they are written", async () => {
    expect(await field("ingress", older, ".spec.rules[0].http.paths[0].path")).toBe(older.path);
    expect((await older.read()).status?.url).toBe(`http://e2e.localhost${older.path}`);
    await untilAnswering(older, await older.token());
  });

  it("that an older server has are refused to a younger one, in any spelling", async () => {
    await younger.apply({ routing: { path: `/${namespace}/older//` } });
    const condition = await untilReason(younger, "Stalled", "RouteTaken");
    expect(condition?.message).toContain(`${namespace}/older`);
    expect((await younger.read()).status?.url).toBeUndefined();
    expect(await namesOf("ingress", namespace, "amalthea.dev/parent-name=younger")).toEqual([]);
    expect(await answers(older, await older.token())).toBe(200);
    expect(await older.condition("Ready")).toMatchObject({ status: "True" });
  });

  it("are changed by the younger one, which then starts", async () => {
    expect(await namesOf("pod", namespace, "amalthea.dev/parent-name=younger")).toEqual([]);
    await younger.patch({ spec: { routing: { path: younger.path } } });
    await waitFor("jupyterserver/younger", namespace, "condition=Ready");
    await untilWithout(younger, "Stalled");
    token = await younger.token();
    await untilAnswering(younger, token);
  });

  it("that another server has are refused to a running one, which keeps its own, also when it is restarted", async () => {
    const pod = await younger.podUid();
    await younger.patch({ spec: { updatePolicy: "Restart", routing: { path: older.path } } });
    const { message } = (await untilReason(younger, "Stalled", "RouteTaken")) ?? {};
    expect(message).toContain(`this server stays at http://e2e.localhost${younger.path}`);
    await younger.patch({ spec: { jupyterServer: { defaultUrl: "/tree" } } });
    await untilRestarted(younger, pod);
    await untilAnswering(younger, token);
    expect(await younger.condition("UpdatePending")).toBeUndefined();
    expect((await younger.read()).status?.url).toBe(`http://e2e.localhost${younger.path}`);
    expect(await answers(older, await older.token())).toBe(200);
  });

  it("are free again when the server that has them goes", async () => {
    await kubectl(["delete", "jupyterserver", "older", "-n", namespace, "--timeout=120s"]);
    await untilWithout(younger, "Stalled");
    await untilAnswering(older, token); // the address it had
    expect(await answers(younger, token)).toBe(404);
    await younger.patch({ spec: { updatePolicy: "OnNextStart" } });
    await waitFor("jupyterserver/younger", namespace, "condition=Ready");
  });

  it("are shown by the address that people use, if the server says so", async () => {
    const pod = await younger.podUid();
    await younger.patch({ spec: { routing: { externalUrl: "https://hub.example.org:8443/" } } });
    await untilObserved(younger);
    expect((await untilReason(younger, "UpdatePending", "ChangesWaiting"))?.message).toContain("routing.externalUrl");
    await kubectl(["delete", "pod", "younger-0", "-n", namespace, "--grace-period=1"]);
    const { status } = await until(
      () => younger.read(),
      ({ status: current }) => current?.url?.startsWith("https:") === true && current.state === "running",
      240,
    );
    expect(status?.url).toBe(`https://hub.example.org:8443${older.path}`);
    expect(await younger.podUid()).not.toBe(pod);
    expect(await field("ingress", younger, ".spec.rules[0].host")).toBe("e2e.localhost");
  });

  it("get TLS with the next start of the pod, and another certificate at once", async () => {
    const tls = (): Promise<string> => field("ingress", younger, ".spec.tls");
    const pod = await younger.podUid();
    await younger.patch({ spec: { routing: { tls: { enabled: true, secretName: "first" } } } });
    const { message } = (await untilReason(younger, "UpdatePending", "ChangesWaiting")) ?? {};
    expect(message).toContain("routing.tls.enabled");
    expect(await tls()).toBe("");
    expect(await younger.podUid()).toBe(pod);

    await kubectl(["delete", "pod", "younger-0", "-n", namespace, "--grace-period=1"]);
    await untilRestarted(younger, pod);
    await until(tls, (text) => text !== "");
    expect(JSON.parse(await tls())).toEqual([{ hosts: ["e2e.localhost"], secretName: "first" }]);
    await untilWithout(younger, "UpdatePending");

    const next = await younger.podUid();
    await younger.patch({ spec: { routing: { tls: { secretName: "second" } } } });
    await until(tls, (text) => text.includes("second"));
    await untilObserved(younger);
    expect(await younger.condition("UpdatePending")).toBeUndefined();
    expect(await younger.podUid()).toBe(next);
  });
});
