import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fetchThroughIngress, kubectl, leaveNamespace, namesOf, until, useNamespace, waitFor } from "./cluster.ts";
import { field, untilObserved, untilReason, untilWithout } from "./look.ts";
import { TestServer } from "./server.ts";

let namespace: string;
let older: TestServer;
let younger: TestServer;

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

describe("routes", () => {
  it("have one spelling however they are written", async () => {
    expect(await field("ingress", older, ".spec.rules[0].http.paths[0].path")).toBe(older.path);
    expect((await older.read()).status?.url).toBe(`http://e2e.localhost${older.path}`);
    const token = await older.token();
    await until(
      () => answers(older, token),
      (status) => status === 200,
    );
  });

  it("that an older server has are refused to a younger one, in any spelling", async () => {
    await younger.apply({ routing: { path: `/${namespace}/older//` } });
    const condition = await untilReason(younger, "Stalled", "RouteTaken");
    expect(condition?.message).toContain(`${namespace}/older`);
    expect(await namesOf("ingress", namespace, "amalthea.dev/parent-name=younger")).toEqual([]);
    expect(await answers(older, await older.token())).toBe(200);
    expect(await older.condition("Ready")).toMatchObject({ status: "True" });
  });

  it("are free again when the older server has gone", async () => {
    await kubectl(["delete", "jupyterserver", "older", "-n", namespace, "--timeout=120s"]);
    await waitFor("jupyterserver/younger", namespace, "condition=Ready");
    await untilWithout(younger, "Stalled");
    const token = await younger.token();
    await until(
      () => answers(older, token), // the address it had
      (status) => status === 200,
    );
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
      120,
    );
    expect(status?.url).toBe(`https://hub.example.org:8443${older.path}`);
    expect(await younger.podUid()).not.toBe(pod);
    expect(await field("ingress", younger, ".spec.rules[0].host")).toBe("e2e.localhost");
  });
});
