import { DEFAULT_ANNOTATION_PREFIX } from "@amalthea/api";
import { parse as parseYaml } from "yaml";
import type { AuditSettings } from "../audit/audit-log.ts";
import type { DecisionSettings } from "../decide/settings.ts";
import { isObject } from "../decide/values/json.ts";
import { readAuditLog } from "./audit-config.ts";
import { readCulling } from "./culling-config.ts";
import { ConfigError, type Environment, EnvironmentReader } from "./environment.ts";
import { type MetricsConfig, readMetrics } from "./metrics-config.ts";
import { readPolicy } from "./policy-config.ts";
import { readServerDefaults } from "./server-defaults.ts";
import { readSidecarImages, readSidecarOverrides } from "./sidecar-config.ts";
import { readUsage, type UsageConfig } from "./usage-config.ts";

/** Which namespaces are watched. */
export type Scope =
  | { readonly kind: "Cluster" }
  | { readonly kind: "Namespaces"; readonly namespaces: readonly string[] }
  /** Neither `CLUSTER_WIDE` nor `NAMESPACES` is set: the namespace that the controller runs in. */
  | { readonly kind: "OwnNamespace" };

/** A kind that patches may add, by plural and group as in 0.24; the rest is read from discovery at the start. */
export type ExtraChildResource = { readonly name: string; readonly group: string };

export type LogLevel = "debug" | "info" | "warn" | "error";

/** The configuration of the controller, with the defaults of `readConfig`. */
export type ControllerConfig = {
  readonly scope: Scope;
  /** Namespace the controller runs in; undefined outside a cluster, where the kubeconfig's context says it. */
  readonly podNamespace: string | undefined;
  /** Name under which this process holds the lease; undefined lets the host name stand for it. */
  readonly podName: string | undefined;
  readonly leaderElection: { readonly enabled: boolean; readonly leaseName: string };
  /** Maximum number of concurrent reconciles. */
  readonly workers: number;
  /** Between two reads of the Secret that contains a running server's token. */
  readonly tokenCheckSeconds: number;
  readonly healthPort: number;
  readonly metrics: MetricsConfig;
  readonly usage: UsageConfig;
  /** Undefined: no audit log. */
  readonly auditLog: AuditSettings | undefined;
  readonly logLevel: LogLevel;
  readonly extraChildResources: readonly ExtraChildResource[];
  /** Settings of the decisions, without the extra kinds, which are complete only once they are looked up. */
  readonly decision: Omit<DecisionSettings, "extraChildKinds">;
  /** What an administrator should know and what does not prevent the start: retired variables, an assumed scope. */
  readonly warnings: readonly string[];
};

/** Variables of 0.24 without effect, and why. */
const RETIRED: Readonly<Record<string, string>> = {
  KOPF_CREATE_TIMEOUT: "failed writes are tried again with back-off",
  KOPF_CREATE_BACKOFF: "failed writes are tried again with back-off",
  KOPF_CREATE_RETRIES: "failed writes are tried again with back-off",
  JUPYTER_SERVER_IDLE_CHECK_INTERVAL_SECONDS: "limits are enforced at their time",
  JUPYTER_SERVER_PENDING_CHECK_INTERVAL_SECONDS: "limits are enforced at their time",
  CPU_USAGE_MILLICORES_IDLE_THRESHOLD: "CULLING sets it",
  AUDITLOG_S3__ACCESS_KEY_ID: "AUDITLOG_S3__CREDENTIALS names a folder with it in the file accessKeyId",
  AUDITLOG_S3__SECRET_ACCESS_KEY: "AUDITLOG_S3__CREDENTIALS names a folder with it in the file secretAccessKey",
};

/** Variables that named the watched resource. The name is fixed now; setting the same one is not an error. */
const FIXED = { CRD_API_GROUP: "amalthea.dev", CRD_API_VERSION: "v1alpha1", CRD_NAME: "JupyterServer" } as const;

/**
 * Reads the whole configuration, once, at the start. The variables of 0.24 keep their names and defaults.
 *
 * @throws ConfigError naming every wrong variable, not only the first.
 */
export function readConfig(env: Environment): ControllerConfig {
  const reader = new EnvironmentReader(env);
  for (const [name, only] of Object.entries(FIXED)) {
    const value = reader.text(name);
    if (value !== undefined && value !== only) reader.problems.push(`${name} can only be ${only}, not "${value}"`);
  }
  const config: ControllerConfig = {
    scope: readScope(reader),
    podNamespace: reader.text("POD_NAMESPACE"),
    podName: reader.text("POD_NAME"),
    leaderElection: {
      enabled: reader.flag("LEADER_ELECTION_ENABLED", true),
      leaseName: reader.text("LEASE_NAME") ?? "amalthea-controller",
    },
    workers: reader.integer("WORKERS", 16, { min: 1, max: 256 }),
    tokenCheckSeconds: reader.integer("TOKEN_CHECK_SECONDS", 600, { min: 1 }),
    healthPort: reader.integer("HEALTH_PORT", 8080, { min: 0, max: 65_535 }),
    metrics: readMetrics(reader),
    usage: readUsage(reader),
    auditLog: readAuditLog(reader),
    logLevel: readLogLevel(reader),
    extraChildResources: reader.structured(
      "EXTRA_CHILD_RESOURCES",
      'a JSON list of {"name": plural, "group": group}',
      asResources,
      [],
    ),
    decision: readDecisionSettings(reader),
    warnings: warningsOf(reader),
  };
  if (reader.problems.length > 0) throw new ConfigError(reader.problems);
  return config;
}

function readScope(reader: EnvironmentReader): Scope {
  const namespaces = (reader.text("NAMESPACES") ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  for (const name of namespaces) {
    if (!NAMESPACE_NAME.test(name))
      reader.problems.push(`NAMESPACES contains "${name}", which is not a valid namespace name`);
  }
  if (reader.flag("CLUSTER_WIDE", false)) {
    if (namespaces.length > 0) reader.problems.push("NAMESPACES and CLUSTER_WIDE cannot both be set");
    return { kind: "Cluster" };
  }
  return namespaces.length > 0
    ? { kind: "Namespaces", namespaces: [...new Set(namespaces)].toSorted() }
    : { kind: "OwnNamespace" };
}

/** @see https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names */
const NAMESPACE_NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

function readLogLevel(reader: EnvironmentReader): LogLevel {
  const verbose = reader.flag("DEBUG", false) || reader.flag("VERBOSE", false);
  return reader.choice("LOG_LEVEL", ["debug", "info", "warn", "error"], verbose ? "debug" : "info");
}

function readDecisionSettings(reader: EnvironmentReader): Omit<DecisionSettings, "extraChildKinds"> {
  const list = (name: string, of: string): readonly unknown[] | undefined =>
    reader.structured(name, `a JSON list of ${of}`, (value) => (Array.isArray(value) ? value : undefined), undefined);
  return {
    selectorLabels: reader.structured(
      "AMALTHEA_SELECTOR_LABELS",
      "a YAML or JSON map of label names to values",
      asLabels,
      {},
      parseYaml,
    ),
    schedulerName: reader.text("SERVER_SCHEDULER_NAME"),
    externalTls: reader.flag("EXTERNAL_TLS", false),
    annotationPrefix: reader.text("ANNOTATION_PREFIX") ?? DEFAULT_ANNOTATION_PREFIX,
    keepPredecessorAnnotations: reader.flag("KEEP_PREDECESSOR_ANNOTATIONS", false),
    unschedulableGraceSeconds: reader.integer("UNSCHEDULABLE_GRACE_SECONDS", 600, { min: 0 }),
    initContainerRestartLimit: reader.integer("JUPYTER_SERVER_INIT_CONTAINER_RESTART_LIMIT", 1, { min: 0 }),
    containerRestartLimit: reader.integer("JUPYTER_SERVER_CONTAINER_RESTART_LIMIT", 3, { min: 0 }),
    networkPolicy: {
      enabled: reader.flag("NETWORK_POLICY_ENABLED", true),
      ingressFrom: list("NETWORK_POLICY_INGRESS_FROM", "network policy peers"),
      controller: list("NETWORK_POLICY_CONTROLLER", "network policy peers"),
      egress: list("NETWORK_POLICY_EGRESS", "egress rules"),
    },
    images: readSidecarImages(reader),
    sidecars: readSidecarOverrides(reader),
    policy: readPolicy(reader),
    culling: readCulling(reader),
    serverDefaults: readServerDefaults(reader),
  };
}

function warningsOf(reader: EnvironmentReader): readonly string[] {
  const isSet = (name: string): boolean => reader.text(name) !== undefined;
  return [
    ...Object.entries(RETIRED).flatMap(([name, why]) =>
      isSet(name) ? [`${name} has no effect any more: ${why}`] : [],
    ),
    ...(isSet("METRICS_EXTRA_LABELS") && !reader.flag("METRICS_LEGACY_NAMES", false)
      ? ["METRICS_EXTRA_LABELS has no effect without METRICS_LEGACY_NAMES, which serves the metrics of 0.24"]
      : []),
    ...(isSet("CLUSTER_WIDE") || isSet("NAMESPACES")
      ? []
      : ["neither CLUSTER_WIDE nor NAMESPACES is set: only the controller's own namespace is watched"]),
  ];
}

function asResources(value: unknown): readonly ExtraChildResource[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const resources = value.map((entry: unknown) => {
    if (!isObject(entry) || typeof entry["name"] !== "string") return undefined;
    const group = entry["group"] ?? "";
    return typeof group === "string" ? { name: entry["name"].toLowerCase(), group } : undefined;
  });
  return resources.every((resource) => resource !== undefined) ? resources : undefined;
}

function asLabels(value: unknown): Readonly<Record<string, string>> | undefined {
  if (!isObject(value)) return undefined;
  const entries = Object.entries(value);
  // YAML reads `true` and `1` as other types; a label is text whatever it looks like.
  if (entries.some(([, text]) => typeof text === "object" || text === undefined)) return undefined;
  return Object.fromEntries(entries.map(([name, text]) => [name, String(text)]));
}
