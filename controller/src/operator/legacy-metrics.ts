import type { JupyterServer } from "@amalthea/api";
import { Counter, Histogram, type Registry } from "prom-client";
import type { ExtraMetricLabel } from "../config/metrics-config.ts";
import { requestsOf } from "../decide/live/resource-requests.ts";
import type { Milestone } from "../decide/status/milestones.ts";
import { LEGACY_METRICS, type LegacyDeclaration, type LegacyName } from "./metric-catalogue.ts";

/** Different sets of extra labels that are kept: users choose the values, and each takes memory as long as the process lives. */
const MOST_SETS = 1_000;

/** The values of all further ones. */
const OTHER = "other";

/** Characters of a value; annotations may have 256 KiB. */
const MAX_VALUE = 128;

/** The metrics of 0.24, for dashboards that people have. */
export class LegacyMetrics {
  readonly #counters = new Map<string, Counter>();
  readonly #histograms = new Map<string, Histogram>();
  readonly #extraLabels: readonly ExtraMetricLabel[];
  readonly #sets = new Set<string>();

  constructor(registry: Registry, extraLabels: readonly ExtraMetricLabel[]) {
    this.#extraLabels = extraLabels;
    for (const [name, { type, help, labels = [], buckets = [] }] of Object.entries<LegacyDeclaration>(LEGACY_METRICS)) {
      const labelNames = [...extraLabels.map(({ label }) => label), ...labels];
      const options = { name, help, labelNames, registers: [registry] };
      if (type === "counter") this.#counters.set(name, new Counter(options));
      else this.#histograms.set(name, new Histogram({ ...options, buckets: [...buckets] }));
    }
  }

  /** Of a server that went before it had a state nothing is counted, as it was never counted as created. */
  reached(milestone: Milestone, server: JupyterServer): void {
    if (milestone.kind === "StateChanged" && milestone.from === "none" && milestone.to === "deleted") return;
    const extra = this.#labelsOf(server);
    if (milestone.kind === "Started") this.#observe("sessions_launch_duration_seconds", extra, milestone.seconds);
    if (milestone.kind !== "StateChanged") return;
    const { from, to } = milestone;
    if (from === "none") this.#created(server, extra);
    if (to === "deleted") this.#count("sessions_total_deleted_total", extra);
    // In 0.24 every server that was deleted was stopping first.
    const [status_from, status_to] = [from === "none" ? "None" : from, to === "deleted" ? "stopping" : to];
    if (status_from === status_to) return;
    this.#count("sessions_status_changes_total", { ...extra, status_from, status_to });
  }

  #created(server: JupyterServer, extra: Labels): void {
    this.#count("sessions_total_created_total", extra);
    const { cpuCores, memoryBytes, gpus, diskBytes } = requestsOf(server) ?? {};
    if (cpuCores !== undefined) this.#observe("sessions_cpu_request_millicores_m", extra, cpuCores * 1_000);
    if (memoryBytes !== undefined) this.#observe("sessions_memory_request_bytes_byte", extra, memoryBytes);
    if (gpus !== undefined) this.#observe("sessions_gpu_request", extra, gpus);
    if (diskBytes !== undefined) this.#observe("sessions_disk_request_bytes_byte", extra, diskBytes);
  }

  /** A server that lacks one has it empty; in 0.24 it was not counted at all. */
  #labelsOf({ metadata }: JupyterServer): Labels {
    const { labels = {}, annotations = {} } = metadata;
    const values = this.#extraLabels.map(({ source }) =>
      (labels[source] || annotations[source] || "").slice(0, MAX_VALUE),
    );
    const set = JSON.stringify(values);
    const isKept = this.#sets.has(set) || this.#sets.size < MOST_SETS;
    if (isKept) this.#sets.add(set);
    return Object.fromEntries(
      this.#extraLabels.map(({ label }, index) => [label, isKept ? (values[index] ?? "") : OTHER]),
    );
  }

  #count(name: LegacyName, labels: Labels): void {
    this.#counters.get(name)?.inc({ ...labels });
  }

  #observe(name: LegacyName, labels: Labels, value: number): void {
    this.#histograms.get(name)?.observe({ ...labels }, value);
  }
}

type Labels = Readonly<Record<string, string>>;
