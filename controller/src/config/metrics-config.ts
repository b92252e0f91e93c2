import type { EnvironmentReader } from "./environment.ts";

export type MetricsConfig = {
  readonly enabled: boolean;
  readonly port: number;
  /** Where the metrics of 0.24 are served, too. */
  readonly legacy: { readonly extraLabels: readonly ExtraMetricLabel[] } | undefined;
};

/** A label of the metrics of 0.24, and the label or annotation of a server that its values are read from. */
export type ExtraMetricLabel = { readonly label: string; readonly source: string };

const TAKEN: readonly string[] = ["status_from", "status_to", "le"];

/** Reads the variables of 0.24, and the switch for its metrics. */
export function readMetrics(reader: EnvironmentReader): MetricsConfig {
  const enabled = reader.flag("METRICS_ENABLED", false);
  const port = reader.integer("METRICS_PORT", 8765, { min: 0, max: 65_535 });
  const isLegacy = reader.flag("METRICS_LEGACY_NAMES", false);
  return { enabled, port, legacy: isLegacy ? { extraLabels: readExtraLabels(reader) } : undefined };
}

function readExtraLabels(reader: EnvironmentReader): readonly ExtraMetricLabel[] {
  const sources = reader.structured(
    "METRICS_EXTRA_LABELS",
    "a JSON list of names of labels or annotations",
    asTexts,
    [],
  );
  const extraLabels = sources.map((source) => ({ label: labelName(source), source }));
  reader.problems.push(...problemsOf(extraLabels));
  return extraLabels;
}

/** The name of a label of Prometheus, made as 0.24 made it. */
function labelName(source: string): string {
  return source.replace(/^[^a-zA-Z_]/, "_").replaceAll(/[^a-zA-Z0-9_]/g, "_");
}

function problemsOf(extraLabels: readonly ExtraMetricLabel[]): readonly string[] {
  return extraLabels.flatMap(({ label, source }, index) => {
    const isTaken = TAKEN.includes(label) || label.startsWith("__");
    const isDouble = extraLabels.findIndex((other) => other.label === label) < index;
    if (!isTaken && !isDouble) return [];
    const why = isTaken ? "is reserved" : "is that of another one";
    return [`METRICS_EXTRA_LABELS contains "${source}", whose name in Prometheus, ${label}, ${why}; leave it out`];
  });
}

function asTexts(value: unknown): readonly string[] | undefined {
  const isText = (one: unknown): one is string => typeof one === "string" && one !== "";
  return Array.isArray(value) && value.every(isText) ? value : undefined;
}
