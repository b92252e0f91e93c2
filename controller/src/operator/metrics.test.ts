import { describe, expect, it } from "vitest";
import { aServer, NOW } from "../decide/testing/builders.ts";
import { NO_USAGE } from "../observe/usage-memory.ts";
import { DECLARATIONS } from "./metric-catalogue.ts";
import { Metrics, type MetricSources } from "./metrics.ts";

const nothing: MetricSources = {
  version: "1.2.3",
  isLeader: () => false,
  queue: { depth: 0, delayed: 0, processing: 0 },
  servers: () => [],
  idleOptions: () => ({ annotationPrefix: "renku.io", now: NOW }),
  usage: () => NO_USAGE,
  caches: () => [],
};

describe("the metrics", () => {
  it("are all there from the start, and none besides those that are declared", async () => {
    const metrics = new Metrics();
    metrics.watch(nothing);
    const names = (await metrics.registry.getMetricsAsJSON()).map(({ name }) => name);
    const own = names.filter((name) => !/^(process|nodejs)_/.test(name));
    expect(own.toSorted()).toEqual([...DECLARATIONS.keys()].toSorted());
  });

  it.each([...DECLARATIONS])("%s follows the conventions of Prometheus", (name, { type, help, labels }) => {
    expect(name).toMatch(/^amalthea_[a-z_]+$/);
    expect(name.endsWith("_total")).toBe(type === "counter");
    if (type === "histogram") expect(name).toMatch(/_seconds$/);
    expect(name).not.toMatch(/_(milliseconds|ms|minutes|millicores)(_|$)/);
    expect(help).toMatch(/\.$/);
    for (const label of Object.keys(labels)) expect(label).not.toMatch(/^(namespace|name|uid|pod|le|job|instance)$/);
  });

  it("count from 0 where all values of the labels are known, so that the first event is an increase", async () => {
    const text = await new Metrics().registry.metrics();
    expect(text).toContain('amalthea_culls_total{action="Hibernate",limit="Idle"} 0');
    expect(text).toContain("amalthea_route_conflicts_total 0");
    expect(text).toContain('amalthea_server_start_duration_seconds_count{start="resume"} 0');
  });

  it("tell of usage only while this process leads, which is the one that measures", async () => {
    const metrics = new Metrics();
    let isLeader = true;
    const used = { ...NO_USAGE, cpuMillicores: 1500, measured: { MetricsApi: 3, Kubelet: 0 } };
    metrics.watch({ ...nothing, isLeader: () => isLeader, usage: () => used });
    expect(await metrics.registry.metrics()).toContain("amalthea_usage_cpu_cores 1.5");
    isLeader = false;
    const after = await metrics.registry.metrics();
    expect(after).toContain("amalthea_usage_cpu_cores 0");
    expect(after).toContain('amalthea_usage_servers{source="MetricsApi"} 0');
  });

  it("sum the usage of all servers once for each scrape, and again for the next", async () => {
    const metrics = new Metrics();
    let sums = 0;
    metrics.watch({ ...nothing, isLeader: () => true, usage: () => ({ ...NO_USAGE, nearlyFull: ++sums }) });
    for (const scrape of [1, 2]) {
      expect(await metrics.registry.metrics()).toContain(`amalthea_usage_disk_nearly_full_servers ${scrape}\n`);
      expect(sums).toBe(scrape);
    }
  });

  it("tell requests to the metrics API from those that the API server answers itself", async () => {
    const metrics = new Metrics();
    const sizes = { durationMs: 1, serverTime: undefined, bytes: 0, attempt: 1 };
    const call = { verb: "list", resource: "pods", subresource: "", ...sizes } as const;
    metrics.apiCall({ ...call, group: "", code: 200 });
    metrics.apiCall({ ...call, group: "metrics.k8s.io", code: 503 });
    const text = await metrics.registry.metrics();
    const series = (resource: string, code: string): string =>
      `amalthea_api_requests_total{verb="list",resource="${resource}",subresource="",code="${code}"} 1`;
    expect(text).toContain(series("pods", "200"));
    expect(text).toContain(series("pods.metrics.k8s.io", "503"));
  });

  it("have nothing left of servers that are gone, however many there were", async () => {
    const metrics = new Metrics();
    let servers = Array.from({ length: 50 }, (_, index) => {
      const condition = { status: "True", message: "", lastTransitionTime: "2026-03-01T12:00:00Z" } as const;
      const conditions = [{ ...condition, type: "Stalled", reason: "RouteTaken" }];
      return aServer({ metadata: { name: `server-${index}` }, status: { state: "failed", conditions } });
    });
    metrics.watch({ ...nothing, servers: () => servers });
    const before = await metrics.registry.metrics();
    expect(before).toContain('amalthea_servers{state="failed",mode="token"} 50');
    expect(before).toContain('amalthea_servers_with_condition{type="Stalled",reason="RouteTaken"} 50');
    expect(before).not.toContain("server-1");
    servers = [];
    const after = await metrics.registry.metrics();
    expect(after).toContain('amalthea_servers{state="failed",mode="token"} 0');
    expect(after).not.toContain("RouteTaken");
  });
});
