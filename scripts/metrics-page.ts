import { Metrics } from "../controller/src/operator/metrics.ts";
import { code, generatedNote, table } from "./markdown.ts";

/** The reference page of the controller's metrics: those that a running controller answers with, but not prom-client's own. */
export async function metricsPage(): Promise<string> {
  const metrics = new Metrics();
  metrics.watch({
    isLeader: () => false,
    queue: { depth: 0, delayed: 0, processing: 0 },
    serversByState: () => new Map(),
    caches: () => [],
  });
  const rows = (await metrics.registry.getMetricsAsJSON())
    .filter(({ name }) => name.startsWith("amalthea_"))
    .toSorted((left, right) => (left.name < right.name ? -1 : 1))
    .map(({ name, help, type }) => [code(name), String(type), help]);
  return `${generatedNote}

# Metrics

What the controller tells Prometheus at \`/metrics\` of its metrics port, if \`metrics.enabled\` is set. All are its own
view since it started; replicas that stand by have them, too. The usual \`process_*\` and \`nodejs_*\` metrics come on
top, among them the lag of the event loop.

${table(["Metric", "Type", "Meaning"], rows)}
`;
}
