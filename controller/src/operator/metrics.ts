import type { CallResult, ReconcileResult } from "@amalthea/kube";
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { ActionResult } from "../apply/action-result.ts";
import type { ActivityAnswer } from "../decide/live/activity.ts";
import type { Cull } from "../decide/culling/cull.ts";
import type { UsageSource } from "../decide/live/usage.ts";
import type { UsageTotals } from "../observe/usage-memory.ts";

/** Where gauges read their values, at the time of a scrape. */
export type MetricSources = {
  readonly isLeader: () => boolean;
  readonly queue: { readonly depth: number; readonly delayed: number; readonly processing: number };
  readonly serversByState: () => ReadonlyMap<string, number>;
  readonly usage: () => UsageTotals;
  readonly caches: () => readonly { readonly kind: string; readonly objects: number; readonly silentMs: number }[];
};

/** Seconds; a response of the API server takes milliseconds, a reconcile that waits for several of them a multiple. */
const API_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const QUEUE_BUCKETS = [0.001, 0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 300];

/**
 * Every metric of the controller. `process_*` and `nodejs_*`, among them the lag of the event loop, are prom-client's own.
 */
export class Metrics {
  readonly registry: Registry = new Registry();

  readonly #apiRequests = new Counter({
    name: "amalthea_api_requests_total",
    help: "Requests to the API server, each attempt counted; code 0: no response.",
    labelNames: ["verb", "resource", "subresource", "code"],
    registers: [this.registry],
  });
  readonly #apiSeconds = new Histogram({
    name: "amalthea_api_request_duration_seconds",
    help: "Time until the end of the API server's response; for watches, until its headers.",
    labelNames: ["verb", "resource"],
    buckets: API_BUCKETS,
    registers: [this.registry],
  });
  readonly #reconciles = new Counter({
    name: "amalthea_reconciles_total",
    help: "Reconciles, by result.",
    labelNames: ["result"],
    registers: [this.registry],
  });
  readonly #reconcileSeconds = new Histogram({
    name: "amalthea_reconcile_duration_seconds",
    help: "Duration of a reconcile, including its writes.",
    buckets: API_BUCKETS,
    registers: [this.registry],
  });
  readonly #actions = new Counter({
    name: "amalthea_actions_total",
    help: "Actions (planned writes), by kind and result.",
    labelNames: ["action", "result"],
    registers: [this.registry],
  });
  readonly #queueAdds = new Counter({
    name: "amalthea_queue_adds_total",
    help: "Additions to the work queue; those of one server are coalesced into one reconcile.",
    registers: [this.registry],
  });
  readonly #queueRetries = new Counter({
    name: "amalthea_queue_retries_total",
    help: "Reconciles that failed and are retried.",
    registers: [this.registry],
  });
  readonly #queueSeconds = new Histogram({
    name: "amalthea_queue_wait_seconds",
    help: "Time that a server waited in the work queue.",
    buckets: QUEUE_BUCKETS,
    registers: [this.registry],
  });
  readonly #watchFailures = new Counter({
    name: "amalthea_watch_failures_total",
    help: "Lists and watches that failed and were restarted.",
    labelNames: ["kind"],
    registers: [this.registry],
  });
  readonly #eventsDropped = new Counter({
    name: "amalthea_events_dropped_total",
    help: "Kubernetes Events that were dropped, by reason.",
    labelNames: ["reason"],
    registers: [this.registry],
  });

  readonly #culls = new Counter({
    name: "amalthea_culls_total",
    help: "Servers that were hibernated or deleted because of a limit, by action and limit.",
    labelNames: ["action", "limit"],
    registers: [this.registry],
  });
  readonly #activityQuestions = new Counter({
    name: "amalthea_activity_questions_total",
    help: "Questions to servers about their activity, by result.",
    labelNames: ["result"],
    registers: [this.registry],
  });

  readonly #usageReads = new Counter({
    name: "amalthea_usage_reads_total",
    help: "Attempts to read the usage of servers, by source (`MetricsApi`; `Kubelet`: one for each node) and result.",
    labelNames: ["source", "result"],
    registers: [this.registry],
  });
  readonly #auditLines = new Counter({
    name: "amalthea_audit_lines_total",
    help: "Lines of the audit log, by result: `Written`, or `Lost` because there was no room for them.",
    labelNames: ["result"],
    registers: [this.registry],
  });
  readonly #auditLinesWaiting = new Gauge({
    name: "amalthea_audit_lines_waiting",
    help: "Lines of the audit log that could not be written yet.",
    registers: [this.registry],
  });
  readonly #auditUploads = new Counter({
    name: "amalthea_audit_uploads_total",
    help: "Uploads of files of the audit log, by result.",
    labelNames: ["result"],
    registers: [this.registry],
  });
  readonly #auditFilesWaiting = new Gauge({
    name: "amalthea_audit_files_waiting",
    help: "Finished files of the audit log that are not uploaded yet.",
    registers: [this.registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  apiCall(call: CallResult): void {
    const { verb, resource, subresource } = call;
    this.#apiRequests.inc({ verb, resource, subresource, code: String(call.code) });
    this.#apiSeconds.observe({ verb, resource }, call.durationMs / 1000);
  }

  reconciled(result: ReconcileResult<string>): void {
    this.#reconciles.inc({ result: result.result });
    this.#reconcileSeconds.observe(result.durationMs / 1000);
    if (["Conflict", "Throttled", "Failed"].includes(result.result)) this.#queueRetries.inc();
  }

  acted(result: ActionResult): void {
    this.#actions.inc({ action: result.action.kind, result: result.kind === "Skipped" ? result.because : result.kind });
  }

  culled({ kind, reason }: Cull): void {
    this.#culls.inc({ action: kind, limit: reason });
  }

  activityAsked(result: ActivityAnswer["kind"]): void {
    this.#activityQuestions.inc({ result });
  }

  usageRead(source: UsageSource, isRead: boolean): void {
    this.#usageReads.inc({ source, result: isRead ? "Read" : "Failed" });
  }

  auditLines(result: "Written" | "Lost", lines: number): void {
    this.#auditLines.inc({ result }, lines);
  }

  auditLinesWaiting(lines: number): void {
    this.#auditLinesWaiting.set(lines);
  }

  auditUpload(result: "Succeeded" | "Failed"): void {
    this.#auditUploads.inc({ result });
  }

  auditFilesWaiting(files: number): void {
    this.#auditFilesWaiting.set(files);
  }

  queueAdded(): void {
    this.#queueAdds.inc();
  }

  queueTaken(waitMs: number): void {
    this.#queueSeconds.observe(waitMs / 1000);
  }

  watchFailed(kind: string): void {
    this.#watchFailures.inc({ kind });
  }

  eventDropped(reason: string): void {
    this.#eventsDropped.inc({ reason });
  }

  /** Adds the gauges, once their sources exist. */
  watch(sources: MetricSources): void {
    this.#gauge("amalthea_leader", "1 on the leader, 0 on the other replicas.", (gauge) =>
      gauge.set(sources.isLeader() ? 1 : 0),
    );
    this.#gauge("amalthea_queue_depth", "Servers waiting for a reconcile.", (gauge) => gauge.set(sources.queue.depth));
    this.#gauge("amalthea_queue_delayed", "Servers with a reconcile scheduled for later.", (gauge) =>
      gauge.set(sources.queue.delayed),
    );
    this.#gauge("amalthea_queue_processing", "Servers being reconciled.", (gauge) =>
      gauge.set(sources.queue.processing),
    );
    this.#labelledGauge("amalthea_servers", "JupyterServers, by `status.state`.", "state", () =>
      sources.serversByState(),
    );
    this.#watchUsage(sources);
    this.#labelledGauge("amalthea_cache_objects", "Objects in the caches, by kind.", "kind", () =>
      combine(
        sources.caches(),
        ({ objects }) => objects,
        (left, right) => left + right,
      ),
    );
    this.#labelledGauge(
      "amalthea_watch_silent_seconds",
      "Time since the last watch event or bookmark, by kind.",
      "kind",
      () => combine(sources.caches(), ({ silentMs }) => silentMs / 1000, Math.max),
    );
  }

  /** Sums: what each server uses is in its status, and in the metrics of the kubelets. */
  #watchUsage({ usage }: MetricSources): void {
    this.#gauge("amalthea_usage_cpu_cores", "CPU that Jupyter's containers use together, in cores.", (gauge) =>
      gauge.set(usage().cpuMillicores / 1000),
    );
    this.#gauge("amalthea_usage_memory_bytes", "Memory that Jupyter's containers use together.", (gauge) =>
      gauge.set(usage().memoryBytes),
    );
    this.#gauge(
      "amalthea_usage_disk_used_bytes",
      "What is used of the servers' volumes; a file system that several share counts for each.",
      (gauge) => gauge.set(usage().diskUsedBytes),
    );
    this.#gauge("amalthea_usage_disk_nearly_full_servers", "Servers whose volume is filled to 90 % or more.", (gauge) =>
      gauge.set(usage().nearlyFull),
    );
    this.#labelledGauge(
      "amalthea_usage_servers",
      "Servers whose present usage is known, by source.",
      "source",
      () => new Map(Object.entries(usage().measured)),
    );
  }

  #gauge(name: string, help: string, collect: (gauge: Gauge) => void): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      collect() {
        collect(this);
      },
    });
  }

  #labelledGauge<L extends string>(
    name: string,
    help: string,
    label: L,
    read: () => ReadonlyMap<string, number>,
  ): void {
    new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [this.registry],
      collect() {
        this.reset(); // a label that no object has any more disappears
        for (const [value, number] of read()) this.labels(value).set(number);
      },
    });
  }
}

type CacheFacts = ReturnType<MetricSources["caches"]>[number];

/** Several caches may hold one kind. */
function combine(
  caches: readonly CacheFacts[],
  read: (cache: CacheFacts) => number,
  join: (left: number, right: number) => number,
): ReadonlyMap<string, number> {
  const values = new Map<string, number>();
  for (const cache of caches) {
    const before = values.get(cache.kind);
    values.set(cache.kind, before === undefined ? read(cache) : join(before, read(cache)));
  }
  return values;
}
