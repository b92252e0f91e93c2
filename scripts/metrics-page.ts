import {
  DECLARATIONS,
  LEGACY_METRICS,
  type LabelValues,
  type LegacyDeclaration,
} from "../controller/src/operator/metric-catalogue.ts";
import { code, generatedNote, table } from "./markdown.ts";

/** The reference page of the controller's metrics. */
export function metricsPage(): string {
  const rows = [...DECLARATIONS].map(([name, { type, help, labels }]) => [
    code(name),
    type,
    help,
    Object.entries(labels).map(labelText).join("; "),
  ]);
  const legacy = Object.entries<LegacyDeclaration>(LEGACY_METRICS).map(([name, { type, help, labels = [] }]) => [
    code(name),
    type,
    help,
    labels.map(code).join(", "),
  ]);
  return `${generatedNote}

# Metrics

Metrics that the controller serves at \`/metrics\` of its metrics port, if \`metrics.enabled\` is set. Each replica reports
its own, counted since it started, the leader or not. The usual \`process_*\` and \`nodejs_*\` metrics are served, too,
among them the event loop lag.

- Gauges of servers are read from the caches, which every replica has: take them from the leader, or the maximum over the
  replicas, not the sum.
- What happens to servers is counted by the leader when the API server has accepted the status that says so: a new leader
  finds that status and does not count it again. What happens while there is no leader (deletions, resizes) is not counted.
- Times within a start are those of Kubernetes, in whole seconds.

${table(["Metric", "Type", "Meaning", "Labels"], rows)}

## The metrics of 0.24

With \`metrics.legacyNames\` these are served as well, for dashboards that people have. Each has a label for each name in
\`metrics.extraMetricsLabels\`, with \`_\` in place of what Prometheus does not take; its value is that of the server's label,
or else annotation, or empty. Users choose such values: after 1,000 different combinations further ones are \`other\`.

${table(["Metric", "Type", "Meaning", "Labels"], legacy)}
`;
}

function labelText([label, values]: readonly [string, LabelValues]): string {
  return `${code(label)}: ${typeof values === "string" ? values : values.map(code).join(", ")}`;
}
