import type { JupyterServer } from "@amalthea/api";
import type { CallResult, ReconcileResult } from "@amalthea/kube";
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { MetricsConfig } from "../config/metrics-config.ts";
import type { ActionResult } from "../apply/action-result.ts";
import type { ActivityAnswer } from "../decide/live/activity.ts";
import type { Cull } from "../decide/culling/limits.ts";
import type { ResizeResult } from "../decide/live/resize-result.ts";
import type { Milestone } from "../decide/status/milestones.ts";
import type { UsageReadResult, UsageSource } from "../decide/live/usage.ts";
import { NO_USAGE, type UsageTotals } from "../observe/usage-memory.ts";
import { countByCondition, countByIdleTime, countByStateAndMode, type IdleOptions } from "../observe/server-counts.ts";
import { LegacyMetrics } from "./legacy-metrics.ts";
import {
  announcedLabels,
  BUCKETS,
  DECLARATIONS,
  type CounterName,
  type GaugeName,
  type HistogramName,
  type LabelsOf,
  type MetricDeclaration,
  METRICS,
} from "./metric-catalogue.ts";

/** Where gauges read their values, at the time of a scrape. */
export type MetricSources = {
  readonly version: string;
  readonly isLeader: () => boolean;
  readonly queue: { readonly depth: number; readonly delayed: number; readonly processing: number };
  readonly servers: () => readonly JupyterServer[];
  readonly idleOptions: () => IdleOptions;
  readonly usage: () => UsageTotals;
  readonly caches: () => readonly { readonly kind: string; readonly objects: number; readonly silentMs: number }[];
};

/** One value of a gauge. */
export type Sample<N extends GaugeName> = { readonly labels: LabelsOf<N>; readonly value: number };

type GaugeReaders = { readonly [N in GaugeName]: () => readonly Sample<N>[] };

/**
 * The metrics of `metric-catalogue.ts` in a registry. Counters and histograms are updated by events; gauges are read at
 * each scrape, so that no stale series remain.
 */
export class Metrics {
  readonly registry: Registry = new Registry();
  readonly #counters = new Map<string, Counter>();
  readonly #histograms = new Map<string, Histogram>();

  readonly #legacy: LegacyMetrics | undefined;
  readonly #audit = { linesWaiting: 0, filesWaiting: 0 };

  /** @param legacy Where the metrics of 0.24 are served, too: their extra labels. */
  constructor(legacy?: MetricsConfig["legacy"]) {
    this.#legacy = legacy && new LegacyMetrics(this.registry, legacy.extraLabels);
    collectDefaultMetrics({ register: this.registry });
    for (const [name, declaration] of DECLARATIONS) this.#declare(name, declaration);
  }

  apiCall(call: CallResult): void {
    const { verb, subresource } = call;
    const resource = resourceLabel(call);
    this.#count("amalthea_api_requests_total", { verb, resource, subresource, code: String(call.code) });
    this.#observe("amalthea_api_request_duration_seconds", { verb, resource }, call.durationMs / 1000);
  }

  reconciled({ result, durationMs }: ReconcileResult<string>): void {
    this.#count("amalthea_reconciles_total", { result });
    this.#observe("amalthea_reconcile_duration_seconds", {}, durationMs / 1000);
    if (["Conflict", "Throttled", "Failed"].includes(result)) this.#count("amalthea_queue_retries_total", {});
  }

  acted(result: ActionResult): void {
    const { kind: action } = result.action;
    this.#count("amalthea_actions_total", { action, result: result.kind === "Skipped" ? result.because : result.kind });
    if (action === "Resize" && result.kind === "Written") this.resized("Requested");
  }

  culled({ kind, reason }: Cull): void {
    this.#count("amalthea_culls_total", { action: kind, limit: reason });
  }

  /** What a status that was just written says for the first time, or that a server is gone. */
  reached(milestone: Milestone, server: JupyterServer): void {
    this.#legacy?.reached(milestone, server);
    switch (milestone.kind) {
      case "StateChanged":
        return this.#count("amalthea_server_state_changes_total", { from: milestone.from, to: milestone.to });
      case "Resumed":
        return this.#count("amalthea_resumes_total", {});
      case "Started":
        this.#observe("amalthea_server_start_duration_seconds", { start: milestone.start }, milestone.seconds);
        for (const { phase, seconds } of milestone.phases) {
          this.#observe("amalthea_server_start_phase_seconds", { phase }, seconds);
        }
        return;
      case "RouteRefused":
        return this.#count("amalthea_route_conflicts_total", {});
      case "ResizeNotPossible":
        return this.resized("NotPossible");
    }
  }

  resized(result: ResizeResult | "Requested" | "Refused" | "NotPossible"): void {
    this.#count("amalthea_resizes_total", { result });
  }

  activityAsked(result: ActivityAnswer["kind"]): void {
    this.#count("amalthea_activity_questions_total", { result });
  }

  usageRead(source: UsageSource, result: UsageReadResult): void {
    this.#count("amalthea_usage_reads_total", { source, result });
  }

  auditLines(result: LabelsOf<"amalthea_audit_lines_total">["result"], lines: number): void {
    this.#count("amalthea_audit_lines_total", { result }, lines);
  }

  auditLinesWaiting(lines: number): void {
    this.#audit.linesWaiting = lines;
  }

  auditUpload(result: "Succeeded" | "Failed"): void {
    this.#count("amalthea_audit_uploads_total", { result });
  }

  auditFilesWaiting(files: number): void {
    this.#audit.filesWaiting = files;
  }

  queueAdded(): void {
    this.#count("amalthea_queue_adds_total", {});
  }

  queueTaken(waitMs: number): void {
    this.#observe("amalthea_queue_wait_seconds", {}, waitMs / 1000);
  }

  watchFailed(kind: string): void {
    this.#count("amalthea_watch_failures_total", { kind });
  }

  eventDropped(reason: LabelsOf<"amalthea_events_dropped_total">["reason"]): void {
    this.#count("amalthea_events_dropped_total", { reason });
  }

  /** Adds the gauges, once their sources exist. */
  watch(sources: MetricSources): void {
    for (const [name, read] of Object.entries<() => readonly Sample<GaugeName>[]>(gaugeReaders(sources, this.#audit))) {
      const { help, labels } = METRICS[name as GaugeName]; // the keys of GaugeReaders
      const gauge: Gauge = new Gauge({
        ...{ name, help, labelNames: Object.keys(labels), registers: [this.registry] },
        collect: () => {
          gauge.reset(); // a label that no object has any more disappears
          for (const sample of read()) gauge.set(sample.labels, sample.value);
        },
      });
    }
  }

  #declare(name: string, declaration: MetricDeclaration): void {
    const { type, help, labels } = declaration;
    const options = { name, help, labelNames: Object.keys(labels), registers: [this.registry] };
    if (type === "counter") {
      const counter = new Counter(options);
      for (const set of announcedLabels(declaration)) counter.inc(set, 0);
      this.#counters.set(name, counter);
    }
    if (type === "histogram") {
      const histogram = new Histogram({ ...options, buckets: [...BUCKETS[name as HistogramName]] }); // it is declared as one
      for (const set of announcedLabels(declaration)) histogram.zero(set);
      this.#histograms.set(name, histogram);
    }
  }

  #count<N extends CounterName>(name: N, labels: LabelsOf<N>, by = 1): void {
    this.#counters.get(name)?.inc({ ...labels }, by);
  }

  #observe<N extends HistogramName>(name: N, labels: LabelsOf<N>, seconds: number): void {
    this.#histograms.get(name)?.observe({ ...labels }, seconds);
  }
}

/** The metrics API is served by another server than the API server: its name distinguishes its resources. */
function resourceLabel({ resource, group }: CallResult): string {
  return group === "metrics.k8s.io" ? `${resource}.${group}` : resource;
}

function gaugeReaders(
  { version, isLeader, queue, servers, idleOptions, usage: known, caches }: MetricSources,
  audit: { readonly linesWaiting: number; readonly filesWaiting: number },
): GaugeReaders {
  // The values of a former leader would be counted twice, besides those of the current one.
  const usage = oncePerScrape((): UsageTotals => (isLeader() ? known() : NO_USAGE));
  return {
    amalthea_build_info: () => [{ labels: { version }, value: 1 }],
    amalthea_leader: () => single(isLeader() ? 1 : 0),
    amalthea_queue_depth: () => single(queue.depth),
    amalthea_queue_delayed: () => single(queue.delayed),
    amalthea_queue_processing: () => single(queue.processing),
    amalthea_servers: () => countByStateAndMode(servers()),
    amalthea_servers_with_condition: () => countByCondition(servers()),
    amalthea_servers_idle: () => countByIdleTime(servers(), idleOptions()),
    amalthea_usage_cpu_cores: () => single(usage().cpuMillicores / 1000),
    amalthea_usage_memory_bytes: () => single(usage().memoryBytes),
    amalthea_usage_disk_used_bytes: () => single(usage().diskUsedBytes),
    amalthea_usage_disk_nearly_full_servers: () => single(usage().nearlyFull),
    amalthea_usage_servers: () => {
      const { MetricsApi, Kubelet } = usage().measured;
      return [
        { labels: { source: "MetricsApi" }, value: MetricsApi },
        { labels: { source: "Kubelet" }, value: Kubelet },
      ];
    },
    amalthea_audit_lines_waiting: () => single(audit.linesWaiting),
    amalthea_audit_files_waiting: () => single(audit.filesWaiting),
    amalthea_cache_objects: () => byKind(caches(), "objects", (left, right) => left + right),
    amalthea_watch_silent_seconds: () =>
      byKind(caches(), "silentMs", Math.max).map(({ labels, value }) => ({ labels, value: value / 1000 })),
  };
}

/** Reads once for all gauges of a scrape: the registry asks each of them before anything else has its turn. */
function oncePerScrape<T extends object>(read: () => T): () => T {
  let value: T | undefined;
  return () => {
    if (value === undefined) queueMicrotask(() => (value = undefined));
    return (value ??= read());
  };
}

function single(value: number): readonly { readonly labels: {}; readonly value: number }[] {
  return [{ labels: {}, value }];
}

type CacheFacts = ReturnType<MetricSources["caches"]>[number];

/** Several caches may hold one kind. */
function byKind(
  caches: readonly CacheFacts[],
  field: "objects" | "silentMs",
  join: (left: number, right: number) => number,
): readonly { readonly labels: { readonly kind: string }; readonly value: number }[] {
  const values = new Map<string, number>();
  for (const cache of caches) {
    const before = values.get(cache.kind);
    values.set(cache.kind, before === undefined ? cache[field] : join(before, cache[field]));
  }
  return [...values].map(([kind, value]) => ({ labels: { kind }, value }));
}
