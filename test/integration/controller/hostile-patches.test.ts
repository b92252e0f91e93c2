import { fileURLToPath } from "node:url";
import type { JupyterServer } from "@amalthea/api";
import { kinds } from "@amalthea/kube";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SERVER_KIND } from "../../../controller/src/kinds.ts";
import { HOSTILE_PATCHES, json, merge } from "./hostile-patches.ts";
import { type Operator, startOperator } from "./operator.ts";
import { childKinds, conditionOf, eventually, User } from "./servers.ts";
import { controllerCalls, startWorld, type World } from "./world.ts";

let world: World;
let operator: Operator;
let honest: User;
let hostile: User;

beforeAll(async () => {
  world = await startWorld(["scope.clusterWide=true"]);
  operator = await startOperator(world);
  await operator.leading;
  honest = new User(world.admin, await world.makeNamespace("honest"));
  hostile = new User(world.admin, await world.makeNamespace("hostile"));
  await runningServer(honest, "alice");
  await runningServer(hostile, "bob");
});

afterAll(async () => {
  await operator?.stop();
  await world?.stop();
});

async function runningServer(user: User, name: string): Promise<void> {
  await user.create(name);
  await user.makePodReady(name);
  await user.until(name, ({ status }) => status?.state === "running");
  await user.untilReadyReplica(name);
}

/** Versions of all that belongs to a server: they change with each write. */
async function versionsOf(user: User, name: string): Promise<readonly (string | undefined)[]> {
  const objects = await Promise.all([SERVER_KIND, ...childKinds].map((kind) => user.find(kind, name)));
  return objects.map((object) => object?.metadata.resourceVersion);
}

function stallOf(server: JupyterServer): string {
  return JSON.stringify(server.status?.conditions?.find(({ type }) => type === "Stalled"));
}

function nestedText(depth: number): string {
  return `${'{"a":'.repeat(depth)}{}${"}".repeat(depth)}`;
}

describe("a hostile object", () => {
  it.each(HOSTILE_PATCHES)(
    "of the kind $what is told what is wrong, and nobody else notices",
    async ({ what, patches, reason }) => {
      const before = await versionsOf(honest, "alice");
      const failures = operator.complaints.length;
      await hostile.create(what, { patches });
      const server = await hostile.until(what, (seen) => conditionOf(seen, "Stalled") !== undefined);
      expect(stallOf(server)).toContain(reason);
      expect(operator.complaints.slice(failures)).toEqual([]);
      expect(await versionsOf(honest, "alice")).toEqual(before);
    },
  );

  it.each([
    [
      "deep-value",
      `{"type":"application/json-patch+json","patch":[{"op":"add","path":"/notes","value":${nestedText(9_900)}}]}`,
    ],
    ["deep-merge", `{"type":"application/merge-patch+json","patch":${nestedText(9_900)}}`],
  ])("of the kind %s is told what is wrong, and nobody else notices", async (name, patch) => {
    const before = await versionsOf(honest, "alice");
    const failures = operator.complaints.length;
    const text = `{"apiVersion":"amalthea.dev/v1alpha1","kind":"JupyterServer","metadata":{"namespace":"hostile","name":"${name}"},"spec":{"routing":{"host":"hub.example.org","path":"/hostile/${name}"},"patches":[${patch}]}}`;
    await world.cluster.kubectl(["create", "--validate=false", "--filename=-"], { stdin: text });
    await eventually(async () => {
      const conditions = [
        "get",
        "jupyterserver",
        name,
        "--namespace=hostile",
        "--output=jsonpath={.status.conditions}",
      ];
      const { stdout } = await world.cluster.kubectl(conditions);
      expect(stdout).toContain("64 levels of nesting");
    });
    expect(operator.complaints.slice(failures)).toEqual([]);
    expect(await versionsOf(honest, "alice")).toEqual(before);
  });

  it("cannot add a pod that joins a neighbour's Service in its own namespace", async () => {
    const { metadata } = await hostile.get(SERVER_KIND, "bob");
    const labels = { app: "bob", "amalthea.dev/parent-uid": metadata.uid };
    const pod = { metadata: { labels }, spec: { containers: [{ name: "x", image: "x" }] } };
    const extra = {
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      spec: { selector: { matchLabels: labels }, template: pod },
    };
    await hostile.create("joiner", { patches: [merge({ extra })] });
    const server = await hostile.until("joiner", (seen) => conditionOf(seen, "Stalled") !== undefined);
    expect(stallOf(server)).toContain("InvalidChild");
    expect(await hostile.find(kinds.StatefulSet, "joiner-extra")).toBeUndefined();
    expect(await hostile.childrenOf("joiner")).toContain("Service");
  });

  it("leaves the controller able to make a server", async () => {
    await runningServer(honest, "carol");
    expect(conditionOf(await honest.server("carol"), "Ready")).toMatchObject({ status: "True" });
  });
});

describe("a patched server", () => {
  it("keeps the port that its Service looks for beside those of a patch", async () => {
    const ports = [{ name: "metrics", containerPort: 9000 }];
    const path = "/statefulset/spec/template/spec/containers/0/ports";
    await honest.create("ports", { patches: [json({ op: "add", path, value: ports })] });
    const statefulSet = await eventually(() => honest.get(kinds.StatefulSet, "ports"));
    const names = statefulSet.spec?.template.spec?.containers[0]?.ports?.map(({ name }) => name);
    expect(names?.toSorted()).toEqual(["http", "metrics"]);
  });

  it("that is too large to be kept in memory is made like any other, and follows its changes", async () => {
    const large = (text: string): object => ({
      patches: [merge({ notes: { apiVersion: "v1", kind: "ConfigMap", data: { text: text.repeat(100_000) } } })],
    });
    const text = async (): Promise<string> => {
      const { data } = await honest.get(kinds.ConfigMap, "large-notes");
      return data?.["text"] ?? "";
    };
    await honest.create("large", large("a"));
    await honest.makePodReady("large");
    const server = await honest.until("large", ({ status }) => status?.state === "running");
    expect(conditionOf(server, "Stalled")).toBeUndefined();
    expect(await text()).toBe("a".repeat(100_000));
    await honest.patchServer("large", { metadata: { labels: { team: "a" } }, spec: large("b") });
    await eventually(async () => expect(await text()).toBe("b".repeat(100_000)));
    await honest.hibernate("large");
    await honest.remove(SERVER_KIND, "large");
    await eventually(async () => expect(await honest.childrenOf("large")).toEqual([]));
    const reads = controllerCalls(world).filter(
      ({ verb, resource }) => verb === "get" && resource === "jupyterservers",
    );
    const names = reads.map(({ name }) => name);
    expect(names).toContain("large");
    expect(names.filter((name) => ["alice", "bob", "carol"].includes(name))).toEqual([]);
    expect(controllerCalls(world).filter(({ code }) => code === 403)).toEqual([]);
  });

  it("that a real client of 0.24 asks for is made, and told what Kubernetes has no field for", async () => {
    const path = fileURLToPath(new URL("../../fixtures/clients/session.json", import.meta.url));
    const name = "person-project-1a2b3c4d";
    const client = new User(world.admin, await world.makeNamespace("x"));
    await world.cluster.kubectl(["create", "--namespace=x", `--filename=${path}`]);
    await client.makePodReady(name);
    const server = await client.until(name, ({ status }) => status?.state === "running");
    expect(conditionOf(server, "Stalled")).toBeUndefined();
    const warning = JSON.stringify(server.status?.conditions?.find(({ type }) => type === "PatchWarning"));
    expect(warning).toContain("spec.template.spec.containers[git-proxy].securityContext.fsGroup");
    expect(await client.find(kinds.Service, `${name}-rpc-server`)).toBeDefined();
    const pod = await client.get(kinds.Pod, `${name}-0`);
    expect(pod.spec?.containers.map((container) => container.name)).toEqual([
      "jupyter-server",
      "oauth2-proxy",
      "git-proxy",
      "git-sidecar",
      "authorization",
      "auth-proxy",
    ]);
  });
});
