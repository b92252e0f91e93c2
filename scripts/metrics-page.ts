import { UsageMemory } from "../controller/src/observe/usage-memory.ts";
import { Metrics } from "../controller/src/operator/metrics.ts";
import { code, generatedNote, table } from "./markdown.ts";

/** The reference page of the controller's metrics: those of a running controller, without prom-client's own. */
export async function metricsPage(): Promise<string> {
  const metrics = new Metrics();
  metrics.watch({
    isLeader: () => false,
    queue: { depth: 0, delayed: 0, processing: 0 },
    serversByState: () => new Map(),
    usage: () => new UsageMemory([], 0).totals(0),
    caches: () => [],
  });
  const rows = (await metrics.registry.getMetricsAsJSON())
    .filter(({ name }) => name.startsWith("amalthea_"))
    .toSorted((left, right) => (left.name < right.name ? -1 : 1))
    .map(({ name, help, type }) => [code(name), String(type), help]);
  return `${generatedNote}

# Metrics

Metrics that the controller serves at \`/metrics\` of its metrics port, if \`metrics.enabled\` is set. Each replica reports
its own, counted since it started, the leader or not. The usual \`process_*\` and \`nodejs_*\` metrics are served, too,
among them the event loop lag.

${table(["Metric", "Type", "Meaning"], rows)}
`;
}
