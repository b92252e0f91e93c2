/** Values of a label, or a description of them where they depend on the cluster. */
export type LabelValues = readonly string[] | string;

export type MetricDeclaration = {
  readonly type: "counter" | "gauge" | "histogram";
  /** For the reference page and for Prometheus. */
  readonly help: string;
  /** No label has values that users choose, such as names. */
  readonly labels: Readonly<Record<string, LabelValues>>;
};

/**
 * Every metric of the controller, besides prom-client's own `process_*` and `nodejs_*`, and those of 0.24
 * (`legacy-metrics.ts`). The reference page is generated from this; the dashboard and the alerts are checked against it.
 * Names and labels stay as they are: people use them in alerts.
 *
 * @see https://prometheus.io/docs/practices/naming/
 */
export const METRICS = {
  // Servers, from the caches of each replica
  amalthea_servers: {
    type: "gauge",
    help: "JupyterServers, by `status.state` (`unknown`: none yet) and by access mode: login with a provider, a token, or none (`unknown`: the spec is too large to be kept in memory).",
    labels: {
      state: ["starting", "running", "failed", "stopping", "hibernated", "unknown"],
      mode: ["oidc", "token", "none", "unknown"],
    },
  },
  amalthea_servers_with_condition: {
    type: "gauge",
    help: "JupyterServers with a condition that is true, by its type and reason; `Ready` and `Hibernated` are not included.",
    labels: { type: "types of [conditions](conditions.md)", reason: "their reasons, or `other`" },
  },
  amalthea_servers_idle: {
    type: "gauge",
    help: "Running servers without known activity for at least this many seconds; `0`: all whose activity is known. Servers are polled only when a limit may be near, so this is an upper bound.",
    labels: { at_least_seconds: ["0", "300", "900", "3600", "14400", "86400"] },
  },
  // What happens to servers, counted by the leader when it has written the status
  amalthea_server_state_changes_total: {
    type: "counter",
    help: "Changes of `status.state`; from `none`: a new server, to `deleted`: its object is gone.",
    labels: {
      from: ["none", "starting", "running", "failed", "stopping", "hibernated"],
      to: ["starting", "running", "failed", "stopping", "hibernated", "deleted"],
    },
  },
  amalthea_server_start_duration_seconds: {
    type: "histogram",
    help: "Time from the start of a server until it is ready: its first start, after a hibernation, or with another pod. Starts that failed in between are not included, nor pods that become ready again. A resume during which the leader changed counts as a first start.",
    labels: { start: ["first", "resume", "restart"] },
  },
  amalthea_server_start_phase_seconds: {
    type: "histogram",
    help: "The same by phase: until the pod exists, is scheduled, has its volumes and network, its containers run (images are pulled) and are ready, and the route exists.",
    labels: { phase: ["pod", "schedule", "prepare", "containers", "ready", "route"] },
  },
  amalthea_resumes_total: { type: "counter", help: "Servers that were resumed from hibernation.", labels: {} },
  amalthea_culls_total: {
    type: "counter",
    help: "Servers that were hibernated or deleted because of a limit, by action and limit.",
    labels: {
      action: ["Hibernate", "Delete"],
      limit: ["Idle", "MaximumAge", "Starting", "Failed", "Hibernated"],
    },
  },
  amalthea_resizes_total: {
    type: "counter",
    help: "Changes of the resources of running pods: requested by the controller, refused by the API server (counted once, despite retries), and their result at the kubelet; one resize may be both deferred and completed.",
    labels: { result: ["Requested", "Refused", "Completed", "Deferred", "Infeasible", "Failed", "NotPossible"] },
  },
  amalthea_route_conflicts_total: {
    type: "counter",
    help: "Times a server was denied its route because another server has it.",
    labels: {},
  },
  amalthea_activity_questions_total: {
    type: "counter",
    help: "Polls of servers for their activity, by result.",
    labels: { result: ["Answered", "Failed"] },
  },
  // Resource usage in sums: that of each server is in its status, and in the metrics of the kubelets
  amalthea_usage_cpu_cores: {
    type: "gauge",
    help: "CPU that Jupyter's containers use together, in cores.",
    labels: {},
  },
  amalthea_usage_memory_bytes: { type: "gauge", help: "Memory that Jupyter's containers use together.", labels: {} },
  amalthea_usage_disk_used_bytes: {
    type: "gauge",
    help: "Used space of the servers' volumes; a file system that several share counts for each.",
    labels: {},
  },
  amalthea_usage_disk_nearly_full_servers: {
    type: "gauge",
    help: "Servers whose volume is filled to 90 % or more.",
    labels: {},
  },
  amalthea_usage_servers: {
    type: "gauge",
    help: "Servers whose current usage is known, by source.",
    labels: { source: ["MetricsApi", "Kubelet"] },
  },
  amalthea_usage_reads_total: {
    type: "counter",
    help: "Attempts to read the usage of servers, by source (`Kubelet`: one for each node) and result; `Absent`: the cluster has no such API, which is not a failure.",
    labels: { source: ["MetricsApi", "Kubelet"], result: ["Read", "Failed", "Absent"] },
  },
  // The audit log
  amalthea_audit_lines_total: {
    type: "counter",
    help: "Lines of the audit log, by result: `Written`; `Lost`: too many were waiting to be written, or their file was deleted before its upload or on a full volume; `Expired`: deleted with the oldest file at `auditLog.maxMebibytes`, where nothing is uploaded.",
    labels: { result: ["Written", "Lost", "Expired"] },
  },
  amalthea_audit_lines_waiting: {
    type: "gauge",
    help: "Lines of the audit log that could not be written yet.",
    labels: {},
  },
  amalthea_audit_uploads_total: {
    type: "counter",
    help: "Uploads of files of the audit log, by result.",
    labels: { result: ["Succeeded", "Failed"] },
  },
  amalthea_audit_files_waiting: {
    type: "gauge",
    help: "Rotated files of the audit log that are not uploaded yet.",
    labels: {},
  },
  // Reconciles
  amalthea_reconciles_total: {
    type: "counter",
    help: "Reconciles, by result.",
    labels: { result: ["Settled", "CheckAgain", "Conflict", "Throttled", "Terminal", "Failed", "Aborted"] },
  },
  amalthea_reconcile_duration_seconds: {
    type: "histogram",
    help: "Duration of a reconcile, including its writes.",
    labels: {},
  },
  amalthea_actions_total: {
    type: "counter",
    help: "Actions (planned writes), by kind and result.",
    labels: {
      action: ["EnsureSecret", "Apply", "Remove", "RemovePod", "Scale", "Resize", "Cull", "PatchMetadata"],
      result: [
        "Written",
        "Removed",
        "SecretSeen",
        "Refused",
        "Equivalent",
        "Contested",
        "AfterFailure",
        "ClockAhead",
        "NamespaceTerminating",
      ],
    },
  },
  amalthea_queue_adds_total: {
    type: "counter",
    help: "Additions to the work queue; those of one server are coalesced into one reconcile.",
    labels: {},
  },
  amalthea_queue_retries_total: { type: "counter", help: "Reconciles that failed and are retried.", labels: {} },
  amalthea_queue_wait_seconds: { type: "histogram", help: "Time that a server waited in the work queue.", labels: {} },
  amalthea_queue_depth: { type: "gauge", help: "Servers waiting for a reconcile.", labels: {} },
  amalthea_queue_delayed: { type: "gauge", help: "Servers with a reconcile scheduled for later.", labels: {} },
  amalthea_queue_processing: { type: "gauge", help: "Servers being reconciled.", labels: {} },
  amalthea_leader: { type: "gauge", help: "1 on the leader, 0 on the other replicas.", labels: {} },
  // The API server
  amalthea_api_requests_total: {
    type: "counter",
    help: "Requests to the API server, each attempt counted; code 0: no response.",
    labels: {
      verb: ["get", "list", "watch", "create", "apply", "update", "patch", "delete"],
      resource:
        "plurals of the kinds that the controller uses, `pods.metrics.k8s.io` for the metrics API, and a few paths",
      subresource: "`status`, `scale`, `resize`, or empty",
      code: "HTTP status codes, and 0",
    },
  },
  amalthea_api_request_duration_seconds: {
    type: "histogram",
    help: "Time until the end of the API server's response; for watches, until its headers.",
    labels: {
      verb: ["get", "list", "watch", "create", "apply", "update", "patch", "delete"],
      resource: "as above",
    },
  },
  amalthea_watch_failures_total: {
    type: "counter",
    help: "Lists and watches that failed and were restarted.",
    labels: { kind: "kinds that the controller watches" },
  },
  amalthea_watch_silent_seconds: {
    type: "gauge",
    help: "Time since the last watch event or bookmark, by kind.",
    labels: { kind: "kinds that the controller watches" },
  },
  amalthea_cache_objects: {
    type: "gauge",
    help: "Objects in the caches, by kind.",
    labels: { kind: "kinds that the controller watches" },
  },
  amalthea_events_dropped_total: {
    type: "counter",
    help: "Kubernetes Events that were dropped, by reason.",
    labels: { reason: ["QueueFull", "Spam", "Refused"] },
  },
  amalthea_build_info: { type: "gauge", help: "1, with the version of the controller.", labels: { version: "one" } },
} as const;

type Declared = typeof METRICS;

export type MetricName = keyof Declared;

type NamesOf<T extends MetricDeclaration["type"]> = {
  [N in MetricName]: Declared[N]["type"] extends T ? N : never;
}[MetricName];

export type CounterName = NamesOf<"counter">;
export type GaugeName = NamesOf<"gauge">;
export type HistogramName = NamesOf<"histogram">;

type ValueOf<V> = V extends readonly (infer T extends string)[] ? T : string;

/** The labels of one sample. */
export type LabelsOf<N extends MetricName> = {
  readonly [L in keyof Declared[N]["labels"]]: ValueOf<Declared[N]["labels"][L]>;
};

/** Seconds; a response of the API server takes milliseconds, a reconcile that waits for several of them a multiple. */
const API_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const QUEUE_BUCKETS = [0.001, 0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 300];
/** Kubernetes has timestamps in whole seconds. A small image on a warm node takes a few, a large one minutes. */
const START_BUCKETS = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800];

/** Upper bounds of the buckets, in seconds. */
export const BUCKETS: Readonly<Record<HistogramName, readonly number[]>> = {
  amalthea_api_request_duration_seconds: API_BUCKETS,
  amalthea_reconcile_duration_seconds: API_BUCKETS,
  amalthea_queue_wait_seconds: QUEUE_BUCKETS,
  amalthea_server_start_duration_seconds: START_BUCKETS,
  amalthea_server_start_phase_seconds: START_BUCKETS,
};

/** A metric with more series than this is not initialised with 0. */
const MOST_ANNOUNCED = 40;

/** The declarations, whatever their names. */
export const DECLARATIONS: ReadonlyMap<string, MetricDeclaration> = new Map(Object.entries<MetricDeclaration>(METRICS));

/**
 * The label sets of a metric whose values are all listed, so that each exists with 0 before it counts: without that,
 * `rate` and `increase` miss the first event. None if they depend on the cluster, or are many.
 */
export function announcedLabels({ labels }: MetricDeclaration): readonly Readonly<Record<string, string>>[] {
  let sets: readonly Readonly<Record<string, string>>[] = [{}];
  for (const [label, values] of Object.entries(labels)) {
    if (typeof values === "string") return [];
    sets = sets.flatMap((set) => values.map((value) => ({ ...set, [label]: value })));
  }
  return sets.length > MOST_ANNOUNCED ? [] : sets;
}

export type LegacyDeclaration = {
  readonly type: "counter" | "histogram";
  readonly help: string;
  /** Besides the extra labels that are configured. */
  readonly labels?: readonly string[];
  readonly buckets?: readonly number[];
};

/**
 * The metrics of the legacy version (0.24), by the names under which its client library served them. They are served with
 * `metrics.legacyNames` only.
 */
export const LEGACY_METRICS = {
  sessions_total_created_total: { type: "counter", help: "Number of sessions created." },
  sessions_total_deleted_total: { type: "counter", help: "Number of sessions deleted." },
  sessions_status_changes_total: {
    type: "counter",
    help: "Number of times a status change has occurred; `None`: no status.",
    labels: ["status_from", "status_to"],
  },
  sessions_launch_duration_seconds: {
    type: "histogram",
    help: "How long it took a session to become running, from the beginning of this start; in 0.24 from its creation.",
    buckets: [30, 60, 90, 120, 180, 240, 300, 480],
  },
  sessions_cpu_request_millicores_m: {
    type: "histogram",
    help: "CPU millicores that a user requested for a new session.",
    buckets: [100, 500, 1000, 2000, 3000, 4000],
  },
  sessions_memory_request_bytes_byte: {
    type: "histogram",
    help: "Memory that a user requested for a new session.",
    buckets: [500e6, 1e9, 2e9, 4e9, 8e9, 16e9, 32e9],
  },
  sessions_gpu_request: {
    type: "histogram",
    help: "GPUs that a user requested for a new session.",
    buckets: [0, 1, 2, 3, 4],
  },
  sessions_disk_request_bytes_byte: {
    type: "histogram",
    help: "Disk space that a user requested for a new session.",
    buckets: [1e9, 4e9, 16e9, 32e9, 64e9, 128e9],
  },
} as const;

export type LegacyName = keyof typeof LEGACY_METRICS;
