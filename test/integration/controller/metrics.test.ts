import { freePort } from "@amalthea/cluster";
import { kinds } from "@amalthea/kube";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DECLARATIONS } from "../../../controller/src/operator/metric-catalogue.ts";
import { SERVER_KIND } from "../../../controller/src/kinds.ts";
import { forever } from "../kube/fixture.ts";
import { hasPromtool, promtool } from "../monitoring/promtool.ts";
import { type Operator, startOperator } from "./operator.ts";
import { Scraped } from "./scraped.ts";
import { conditionOf, eventually, User } from "./servers.ts";
import { startWorld, type World } from "./world.ts";

let world: World;
let user: User;

/** A replica of the controller, and its metrics port. */
type Replica = { readonly operator: Operator; readonly port: number };

type ApiResources = { readonly resources: readonly { readonly name: string }[] };

let first: Replica;
let second: Replica;

beforeAll(async () => {
  world = await startWorld(["scope.clusterWide=true"]);
  user = new User(world.admin, await world.makeNamespace("lab-seven"));
  first = await aReplica();
  await first.operator.leading;
  second = await aReplica();
});

afterAll(async () => {
  await second?.operator.stop();
  await world?.stop();
});

async function aReplica(): Promise<Replica> {
  const port = await freePort();
  const metrics = { METRICS_ENABLED: "true", METRICS_PORT: String(port) };
  const operator = await startOperator(world, { environment: { ...metrics, LEADER_ELECTION_ENABLED: "true" } });
  return { operator, port };
}

/** Waits for a value of a metric. */
async function untilValue(
  { port }: Replica,
  name: string,
  labels: Record<string, string>,
  value: number,
): Promise<void> {
  await eventually(async () => expect((await Scraped.from(port)).value(`amalthea_${name}`, labels)).toBe(value));
}

/** Starts the server as slowly as a kubelet would: when the status says that it is starting. */
async function run(name: string): Promise<void> {
  await user.until(name, ({ status }) => status?.state === "starting");
  await user.makePodReady(name);
  await user.until(name, ({ status }) => status?.state === "running");
}

const starts = "server_start_duration_seconds_count";
const changes = "server_state_changes_total";

describe("the metrics of a controller", () => {
  it("count the first start of a server once, with its phases, by the leader", async () => {
    await user.create("alice");
    await run("alice");
    await untilValue(first, starts, { start: "first" }, 1);
    const scraped = await Scraped.from(first.port);
    expect(scraped.value(`amalthea_${changes}`, { from: "none", to: "starting" })).toBe(1);
    expect(scraped.value(`amalthea_${changes}`, { from: "starting", to: "running" })).toBe(1);
    for (const phase of ["pod", "schedule", "containers", "ready", "route"]) {
      expect(scraped.value("amalthea_server_start_phase_seconds_count", { phase })).toBe(1);
    }
  });

  it("count servers from the cache on every replica, and events on the leader alone", async () => {
    for (const replica of [first, second]) await untilValue(replica, "servers", { state: "running", mode: "token" }, 1);
    const standby = await Scraped.from(second.port);
    expect(standby.value("amalthea_leader")).toBe(0);
    expect(standby.value(`amalthea_${changes}`)).toBe(0);
    expect(standby.value(`amalthea_${starts}`)).toBe(0);
  });

  it("are not counted a second time by the next leader", async () => {
    await first.operator.stop();
    await second.operator.leading;
    await second.operator.idle();
    const scraped = await Scraped.from(second.port);
    expect(scraped.value("amalthea_leader")).toBe(1);
    expect(scraped.value("amalthea_reconciles_total")).toBeGreaterThan(0);
    expect(scraped.value(`amalthea_${changes}`)).toBe(0);
    expect(scraped.value(`amalthea_${starts}`)).toBe(0);
  });

  it("tell requests to the metrics API from those about pods", async () => {
    const metricsApi = { resource: "pods.metrics.k8s.io" };
    await eventually(async () => {
      const scraped = await Scraped.from(second.port);
      expect(scraped.value("amalthea_api_requests_total", metricsApi)).toBeGreaterThan(0);
    });
  });

  it("tell a resume from a first start", async () => {
    await user.hibernate("alice");
    await user.patchServer("alice", { spec: { jupyterServer: { hibernated: false } } });
    await run("alice");
    await untilValue(second, starts, { start: "resume" }, 1);
    await untilValue(second, "resumes_total", {}, 1);
  });

  it("tell of a route that is refused, while it is and how often it was", async () => {
    await user.create("rival", { routing: { host: "hub.example.org", path: "/lab-seven/alice" } });
    await user.until("rival", (server) => conditionOf(server, "Stalled")?.reason === "RouteTaken");
    await untilValue(second, "route_conflicts_total", {}, 1);
    await untilValue(second, "servers_with_condition", { type: "Stalled", reason: "RouteTaken" }, 1);
  });

  it("tell what became of a resize", async ({ skip }) => {
    const { resources: paths } = JSON.parse(await world.admin.getText("/api/v1", forever)) as ApiResources;
    if (!paths.some(({ name }) => name === "pods/resize")) skip("this Kubernetes cannot resize a running pod");
    const resources = (cpu: string): object => ({ jupyterServer: { resources: { requests: { cpu } } } });
    await user.create("resized", resources("200m"));
    await run("resized");
    await user.patchServer("resized", { spec: resources("300m") });
    // No kubelet runs the pod, so the API server does not take it; what one would make of it is told below.
    await eventually(async () => {
      const scraped = await Scraped.from(second.port);
      expect(scraped.value("amalthea_resizes_total", { result: "Refused" })).toBe(1);
    });
    const { metadata, status } = await user.get(kinds.Pod, "resized-0");
    const report = async (conditions: readonly object[]): Promise<void> => {
      const body = { status: { conditions: [...(status?.conditions ?? []), ...conditions] } };
      await world.admin.patch(kinds.Pod, metadata, { kind: "Merge", body }, { subresource: "status" }, forever);
    };
    await report([{ type: "PodResizePending", status: "True", reason: "Deferred" }]);
    await untilValue(second, "resizes_total", { result: "Deferred" }, 1);
    await report([]);
    await untilValue(second, "resizes_total", { result: "Completed" }, 1);
  });

  it("count what is deleted, and show nothing of it any more", async () => {
    const { items } = await world.admin.list(SERVER_KIND, { namespace: "lab-seven" }, forever);
    for (const { metadata } of items) await user.remove(SERVER_KIND, metadata.name);
    await untilValue(second, changes, { to: "deleted" }, items.length);
    const { port } = second;
    await eventually(async () => expect((await Scraped.from(port)).value("amalthea_servers")).toBe(0));
    const scraped = await Scraped.from(port);
    expect(scraped.value("amalthea_servers_with_condition")).toBeUndefined();
    expect(scraped.text).not.toContain("alice");
    expect(scraped.text).not.toContain("lab-seven");
  });

  it("are those that are declared, besides the process's own", async () => {
    const { names } = await Scraped.from(second.port);
    const own = names.filter((name) => !/^(process|nodejs)_/.test(name));
    expect(own.toSorted()).toEqual([...DECLARATIONS.keys()].toSorted());
  });

  it.skipIf(!hasPromtool)("satisfy promtool", async () => {
    const { text } = await Scraped.from(second.port);
    const own = text.replaceAll(/^(# \w+ )?(process|nodejs)_.*\n/gm, "");
    expect(await promtool(["check", "metrics"], own)).toBe("");
  });
});
