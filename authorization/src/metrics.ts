/** Every metric of the service; README.md and a test name the same. */
export const METRICS = {
  amalthea_authorization_decisions_total: { type: "counter", help: "Requests decided, by decision and reason." },
  amalthea_authorization_websockets_open: { type: "gauge", help: "Open WebSockets." },
  amalthea_authorization_websockets_closed_total: { type: "counter", help: "WebSockets closed, by reason." },
  amalthea_authorization_websocket_bytes_total: {
    type: "counter",
    help: "Bytes passed through WebSockets, by direction.",
  },
  amalthea_authorization_session_checks_total: {
    type: "counter",
    help: "Checks of the sessions of open WebSockets, by result.",
  },
  amalthea_authorization_session_renewals_total: {
    type: "counter",
    help: "Attempts to renew a session with the provider, by result.",
  },
  amalthea_authorization_policy_valid: {
    type: "gauge",
    help: "1 if the policy file is valid, 0 if it is invalid and nobody is authorized.",
  },
} as const;

export type MetricName = keyof typeof METRICS;

/** A few numbers, kept by name and labels, in Prometheus' text format. */
export class Metrics {
  readonly #values = new Map<string, number>();

  /** Adds one to a counter. Label values are constants of the code: they need no escaping. */
  count(name: MetricName, labels: Readonly<Record<string, string>>): void {
    const key = series(name, labels);
    this.#values.set(key, (this.#values.get(key) ?? 0) + 1);
  }

  set(name: MetricName, value: number, labels: Readonly<Record<string, string>> = {}): void {
    this.#values.set(series(name, labels), value);
  }

  render(): string {
    const lines = Object.entries(METRICS).flatMap(([name, { type, help }]) => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} ${type}`,
      ...[...this.#values]
        .filter(([key]) => key === name || key.startsWith(`${name}{`))
        .map(([key, value]) => `${key} ${value}`),
    ]);
    return `${lines.join("\n")}\n`;
  }
}

function series(name: MetricName, labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return pairs.length === 0 ? name : `${name}{${pairs.join(",")}}`;
}
