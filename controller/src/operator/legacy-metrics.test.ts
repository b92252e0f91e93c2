import type { JupyterServer } from "@amalthea/api";
import { describe, expect, it } from "vitest";
import { readConfig } from "../config/config.ts";
import { aServer, type ServerOptions } from "../decide/testing/builders.ts";
import type { Milestone } from "../decide/status/milestones.ts";
import { Metrics } from "./metrics.ts";

const created: Milestone = { kind: "StateChanged", from: "none", to: "starting" };
const deleted: Milestone = { kind: "StateChanged", from: "running", to: "deleted" };

function legacyMetrics(...extraLabels: readonly string[]): Metrics {
  const env = { METRICS_LEGACY_NAMES: "true", METRICS_EXTRA_LABELS: JSON.stringify(extraLabels) };
  return new Metrics(readConfig(env).metrics.legacy);
}

function withRequests(requests: object, more: ServerOptions = {}): ReturnType<typeof aServer> {
  return aServer({ ...more, jupyterServer: { resources: { requests } } });
}

async function seriesOf(metrics: Metrics): Promise<readonly string[]> {
  return (await metrics.registry.metrics()).split("\n").filter((line) => line.startsWith("sessions_"));
}

describe("the metrics of 0.24", () => {
  it("are served under the names that its client library gave them, and only where they are asked for", async () => {
    const names = (metrics: Metrics): Promise<readonly string[]> =>
      metrics.registry
        .getMetricsAsJSON()
        .then((all) => all.map(({ name }) => name).filter((n) => n.startsWith("sess")));
    expect(await names(new Metrics())).toEqual([]);
    expect(await names(legacyMetrics())).toEqual([
      "sessions_total_created_total",
      "sessions_total_deleted_total",
      "sessions_status_changes_total",
      "sessions_launch_duration_seconds",
      "sessions_cpu_request_millicores_m",
      "sessions_memory_request_bytes_byte",
      "sessions_gpu_request",
      "sessions_disk_request_bytes_byte",
    ]);
  });

  it("count what is created with its requests, what changes its state and what is deleted", async () => {
    const metrics = legacyMetrics();
    const server = withRequests({ cpu: "500m", memory: "1G" }, { size: "16G" });
    metrics.reached(created, server);
    metrics.reached({ kind: "Started", start: "first", seconds: 42, phases: [] }, server);
    metrics.reached(deleted, server);
    const series = await seriesOf(metrics);
    for (const line of [
      "sessions_total_created_total 1",
      "sessions_total_deleted_total 1",
      'sessions_status_changes_total{status_from="None",status_to="starting"} 1',
      'sessions_status_changes_total{status_from="running",status_to="stopping"} 1',
      'sessions_launch_duration_seconds_bucket{le="30"} 0',
      'sessions_launch_duration_seconds_bucket{le="60"} 1',
      "sessions_cpu_request_millicores_m_sum 500",
      "sessions_memory_request_bytes_byte_sum 1000000000",
      "sessions_gpu_request_sum 0",
      "sessions_disk_request_bytes_byte_sum 16000000000",
    ]) {
      expect(series).toContain(line);
    }
  });

  it("count a server that was stopping already only once as such", async () => {
    const metrics = legacyMetrics();
    metrics.reached({ kind: "StateChanged", from: "running", to: "stopping" }, aServer());
    metrics.reached({ kind: "StateChanged", from: "stopping", to: "deleted" }, aServer());
    const changes = (await seriesOf(metrics)).filter((line) => line.startsWith("sessions_status_changes"));
    expect(changes).toEqual(['sessions_status_changes_total{status_from="running",status_to="stopping"} 1']);
  });

  it("count a server whose spec is not kept in memory, without its requests", async () => {
    const metrics = legacyMetrics();
    metrics.reached(created, { ...aServer(), spec: { routing: {} } } as unknown as JupyterServer);
    const series = await seriesOf(metrics);
    expect(series).toContain("sessions_total_created_total 1");
    expect(series.filter((line) => line.includes("_request") && /_count \d/.test(line))).toEqual([
      "sessions_cpu_request_millicores_m_count 0",
      "sessions_memory_request_bytes_byte_count 0",
      "sessions_gpu_request_count 0",
      "sessions_disk_request_bytes_byte_count 0",
    ]);
  });

  it("count nothing of a server that went before it had a state", async () => {
    const metrics = legacyMetrics();
    const before = await seriesOf(metrics);
    metrics.reached({ kind: "StateChanged", from: "none", to: "deleted" }, aServer());
    expect(await seriesOf(metrics)).toEqual(before);
  });

  it("leave out a request that a server does not have, and keep the others", async () => {
    const metrics = legacyMetrics();
    metrics.reached(created, withRequests({ memory: "2Gi", cpu: "much" }));
    const series = await seriesOf(metrics);
    expect(series).toContain("sessions_memory_request_bytes_byte_count 1");
    expect(series).toContain("sessions_cpu_request_millicores_m_count 0");
  });

  it("have the extra labels of a server, first from its labels, then from its annotations, else empty", async () => {
    const metrics = legacyMetrics("renku.io/project", "team", "1st");
    const annotations = { "renku.io/project": "from-annotation", team: "from-annotation" };
    metrics.reached(created, aServer({ metadata: { labels: { team: "from-label" }, annotations } }));
    expect(await seriesOf(metrics)).toContain(
      'sessions_total_created_total{renku_io_project="from-annotation",team="from-label",_st=""} 1',
    );
  });

  it("stop growing when users invent ever new values", async () => {
    const metrics = legacyMetrics("team");
    for (let index = 0; index < 1_100; index++) {
      metrics.reached(created, aServer({ metadata: { labels: { team: `team-${index}` } } }));
    }
    const counts = (await seriesOf(metrics)).filter((line) => line.startsWith("sessions_total_created_total"));
    expect(counts).toHaveLength(1_001);
    expect(counts).toContain('sessions_total_created_total{team="other"} 100');
  });
});

describe("extra labels", () => {
  it.each([
    { labels: '["a/b", "a.b"]', says: 'contains "a.b", whose name in Prometheus, a_b, is that of another one' },
    { labels: '["status-to"]', says: 'contains "status-to", whose name in Prometheus, status_to, is reserved' },
    { labels: '["__name__"]', says: "is reserved" },
    { labels: '{"team": 1}', says: "METRICS_EXTRA_LABELS must be a JSON list of names of labels or annotations" },
    { labels: '[""]', says: "METRICS_EXTRA_LABELS must be" },
  ])("refuses $labels", ({ labels, says }) => {
    const env = { METRICS_LEGACY_NAMES: "true", METRICS_EXTRA_LABELS: labels };
    expect(() => readConfig(env)).toThrow(says);
  });

  it.each(['["team"]', "team", '["a/b", "a.b"]'])("%s without them turns nothing on, and ends no start", (labels) => {
    const { metrics, warnings } = readConfig({ METRICS_EXTRA_LABELS: labels });
    expect(metrics.legacy).toBeUndefined();
    expect(warnings.join()).toContain("METRICS_EXTRA_LABELS has no effect without METRICS_LEGACY_NAMES");
  });
});
