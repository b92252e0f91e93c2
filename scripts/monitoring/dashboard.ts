import { DataqueryBuilder } from "@grafana/grafana-foundation-sdk/prometheus";
import {
  type DataSourceRef,
  GraphDrawStyle,
  LegendDisplayMode,
  LegendPlacement,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from "@grafana/grafana-foundation-sdk/common";
import {
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { type GaugeName, METRICS } from "../../controller/src/operator/metric-catalogue.ts";
import { PanelBuilder } from "@grafana/grafana-foundation-sdk/timeseries";

/** A line of a panel, or several that a label tells apart. */
type Query = { readonly expr: string; readonly legend: string };

type Panel = {
  readonly title: string;
  /** For people who look at it. */
  readonly help: string;
  /** As Grafana names it. */
  readonly unit: string;
  readonly queries: readonly Query[];
  /** Parts of a whole. */
  readonly stacked?: true;
};

const DATASOURCE: DataSourceRef = { type: "prometheus", uid: "${datasource}" };

const JOB = '{job=~"$job"}';

/** Every replica has the same caches: one of them counts. */
const servers = (by: string, metric: GaugeName, filter: string = JOB): string =>
  `sum by (${by}) (max by (${["job", ...Object.keys(METRICS[metric].labels)].join(", ")}) (${metric}${filter}))`;

const rate = (by: string, metric: string, filter: string = JOB): string =>
  `sum by (${by}) (rate(${metric}${filter}[$__rate_interval]))`;

const perHour = (by: string, metric: string, filter: string = JOB): string =>
  `sum by (${by}) (increase(${metric}${filter}[1h]))`;

const quantile = (q: number, metric: string, by: readonly string[] = [], window: string = "$__rate_interval"): string =>
  `histogram_quantile(${q}, sum by (${[...by, "le"].join(", ")}) (rate(${metric}_bucket${JOB}[${window}])))`;

const ROWS: Readonly<Record<string, readonly Panel[]>> = {
  Servers: [
    {
      title: "Servers by state",
      help: "All JupyterServers.",
      unit: "short",
      queries: [{ expr: servers("state", "amalthea_servers"), legend: "{{state}}" }],
      stacked: true,
    },
    {
      title: "Running servers by access mode",
      help: "Login with a provider, token, or none.",
      unit: "short",
      queries: [{ expr: servers("mode", "amalthea_servers", '{job=~"$job", state="running"}'), legend: "{{mode}}" }],
      stacked: true,
    },
    {
      title: "What keeps servers from running",
      help: "Servers with the condition Stalled, by its reason; the reference page of conditions says what to do.",
      unit: "short",
      queries: [
        {
          expr: servers("reason", "amalthea_servers_with_condition", '{job=~"$job", type="Stalled"}'),
          legend: "{{reason}}",
        },
      ],
      stacked: true,
    },
    {
      title: "Warnings and pending changes",
      help: "Servers with any other condition that is true.",
      unit: "short",
      queries: [
        {
          expr: servers(
            "type, reason",
            "amalthea_servers_with_condition",
            '{job=~"$job", type!~"Stalled|Reconciling"}',
          ),
          legend: "{{type}} {{reason}}",
        },
      ],
    },
    {
      title: "Idle running servers",
      help: "Without known activity for at least this many seconds; 0: all whose activity is known. Servers are polled only when a limit may be near.",
      unit: "short",
      queries: [{ expr: servers("at_least_seconds", "amalthea_servers_idle"), legend: "{{at_least_seconds}} s" }],
    },
    {
      title: "Created, deleted, resumed and culled in the last hour",
      help: "Culled: hibernated or deleted because of a limit.",
      unit: "short",
      queries: [
        {
          expr: `sum (increase(amalthea_server_state_changes_total{job=~"$job", from="none"}[1h]))`,
          legend: "created",
        },
        {
          expr: `sum (increase(amalthea_server_state_changes_total{job=~"$job", to="deleted"}[1h]))`,
          legend: "deleted",
        },
        { expr: `sum (increase(amalthea_resumes_total${JOB}[1h]))`, legend: "resumed" },
        { expr: perHour("action, limit", "amalthea_culls_total"), legend: "{{action}} {{limit}}" },
      ],
    },
  ],
  "Usage (counted by the leader)": [
    {
      title: "CPU of all servers",
      help: "Cores that Jupyter's containers use together.",
      unit: "short",
      queries: [{ expr: `sum (amalthea_usage_cpu_cores${JOB})`, legend: "cores" }],
    },
    {
      title: "Memory and disk of all servers",
      help: "What Jupyter's containers use together, and the used space of volumes where it is measured.",
      unit: "bytes",
      queries: [
        { expr: `sum (amalthea_usage_memory_bytes${JOB})`, legend: "memory" },
        { expr: `sum (amalthea_usage_disk_used_bytes${JOB})`, legend: "disk" },
      ],
    },
    {
      title: "Servers whose volume is nearly full; servers whose usage is known",
      help: "Nearly full: 90 % or more.",
      unit: "short",
      queries: [
        { expr: `sum (amalthea_usage_disk_nearly_full_servers${JOB})`, legend: "nearly full" },
        { expr: `sum by (source) (amalthea_usage_servers${JOB})`, legend: "known by {{source}}" },
      ],
    },
  ],
  Starts: [
    {
      title: "Time until a server is ready, in the last hour",
      help: "Median and 90th percentile.",
      unit: "s",
      queries: [
        { expr: quantile(0.5, "amalthea_server_start_duration_seconds", ["start"], "1h"), legend: "{{start}}, median" },
        { expr: quantile(0.9, "amalthea_server_start_duration_seconds", ["start"], "1h"), legend: "{{start}}, 90 %" },
      ],
    },
    {
      title: "Mean time of each phase of a start, in the last hour",
      help: "Until the pod exists, is scheduled, has its volumes and network, its containers run (images are pulled) and are ready, and the route exists.",
      unit: "s",
      queries: [
        {
          expr: `${perHour("phase", "amalthea_server_start_phase_seconds_sum")} / ${perHour("phase", "amalthea_server_start_phase_seconds_count")}`,
          legend: "{{phase}}",
        },
      ],
      stacked: true,
    },
    {
      title: "Resizes and route conflicts in the last hour",
      help: "Results of resizes of running pods; servers that were denied their route.",
      unit: "short",
      queries: [
        { expr: perHour("result", "amalthea_resizes_total"), legend: "resize: {{result}}" },
        { expr: `sum (increase(amalthea_route_conflicts_total${JOB}[1h]))`, legend: "route refused" },
      ],
    },
  ],
  Controller: [
    {
      title: "Leaders",
      help: "One, always.",
      unit: "short",
      queries: [{ expr: `sum by (job) (amalthea_leader${JOB})`, legend: "{{job}}" }],
    },
    {
      title: "Reconciles",
      help: "Per second, by result.",
      unit: "ops",
      queries: [{ expr: rate("result", "amalthea_reconciles_total"), legend: "{{result}}" }],
      stacked: true,
    },
    {
      title: "Duration of reconciles, wait in the queue",
      help: "90th percentile.",
      unit: "s",
      queries: [
        { expr: quantile(0.9, "amalthea_reconcile_duration_seconds"), legend: "reconcile" },
        { expr: quantile(0.9, "amalthea_queue_wait_seconds"), legend: "wait" },
      ],
    },
    {
      title: "Work queue",
      help: "Servers that are waiting, being reconciled, or scheduled for later; retries per second.",
      unit: "short",
      queries: [
        { expr: `sum (amalthea_queue_depth${JOB})`, legend: "waiting" },
        { expr: `sum (amalthea_queue_processing${JOB})`, legend: "being reconciled" },
        { expr: `sum (amalthea_queue_delayed${JOB})`, legend: "due later" },
        { expr: `sum (rate(amalthea_queue_retries_total${JOB}[$__rate_interval]))`, legend: "retries per second" },
      ],
    },
    {
      title: "Writes to the API server",
      help: "Per second, by kind.",
      unit: "reqps",
      queries: [
        {
          expr: rate(
            "resource, subresource",
            "amalthea_api_requests_total",
            '{job=~"$job", verb=~"create|apply|update|patch|delete"}',
          ),
          legend: "{{resource}} {{subresource}}",
        },
      ],
      stacked: true,
    },
    {
      title: "Refusals and errors of the API server",
      help: "Per second, by code; 0: no response.",
      unit: "reqps",
      queries: [
        {
          expr: rate("verb, resource, code", "amalthea_api_requests_total", '{job=~"$job", code!~"2.."}'),
          legend: "{{code}} {{verb}} {{resource}}",
        },
      ],
    },
    {
      title: "Response time of the API server",
      help: "99th percentile.",
      unit: "s",
      queries: [{ expr: quantile(0.99, "amalthea_api_request_duration_seconds", ["verb"]), legend: "{{verb}}" }],
    },
    {
      title: "Watches",
      help: "Lists and watches that were restarted, per second; the longest silence of a watch.",
      unit: "short",
      queries: [
        { expr: rate("kind", "amalthea_watch_failures_total"), legend: "restarts of {{kind}}" },
        { expr: `max (amalthea_watch_silent_seconds${JOB})`, legend: "longest silence in seconds" },
      ],
    },
    {
      title: "Memory",
      help: "Resident memory of each replica.",
      unit: "bytes",
      queries: [{ expr: `process_resident_memory_bytes${JOB}`, legend: "{{instance}}" }],
    },
    {
      title: "CPU and event loop",
      help: "Cores that each replica uses; how late its event loop is.",
      unit: "short",
      queries: [
        { expr: `rate(process_cpu_seconds_total${JOB}[$__rate_interval])`, legend: "{{instance}}, cores" },
        { expr: `nodejs_eventloop_lag_p99_seconds${JOB}`, legend: "{{instance}}, lag in seconds" },
      ],
    },
  ],
};

/** The dashboard for Grafana: its file in the chart. */
export function dashboard(): Dashboard {
  const builder = new DashboardBuilder("Amalthea")
    .uid("amalthea")
    .tags(["amalthea", "jupyter"])
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: "now-6h", to: "now" })
    .refresh("1m")
    .withVariable(new DatasourceVariableBuilder("datasource").label("Data source").type("prometheus"))
    .withVariable(jobs());
  let id = 1;
  for (const [row, panels] of Object.entries(ROWS)) {
    builder.withRow(new RowBuilder(row).id(id++));
    for (const panel of panels) builder.withPanel(built(panel).id(id++));
  }
  return builder.build();
}

function jobs(): QueryVariableBuilder {
  return new QueryVariableBuilder("job")
    .label("Job")
    .datasource(DATASOURCE)
    .query("label_values(amalthea_leader, job)")
    .refresh(VariableRefresh.OnDashboardLoad)
    .multi(true)
    .includeAll(true)
    .current({ selected: true, text: "All", value: "$__all" });
}

const LEGEND = new VizLegendOptionsBuilder()
  .showLegend(true)
  .displayMode(LegendDisplayMode.List)
  .placement(LegendPlacement.Bottom)
  .calcs([]);

function built({ title, help, unit, queries, stacked }: Panel): PanelBuilder {
  const panel = new PanelBuilder()
    .title(title)
    .description(help)
    .datasource(DATASOURCE)
    .unit(unit)
    .min(0)
    .span(8)
    .height(8)
    .legend(LEGEND)
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi))
    .drawStyle(GraphDrawStyle.Line)
    .fillOpacity(stacked === true ? 25 : 0);
  if (stacked === true) panel.stacking(new StackingConfigBuilder().mode(StackingMode.Normal));
  for (const [index, { expr, legend }] of queries.entries()) {
    panel.withTarget(
      new DataqueryBuilder()
        .refId(String.fromCharCode(65 + index))
        .expr(expr)
        .legendFormat(legend),
    );
  }
  return panel;
}
