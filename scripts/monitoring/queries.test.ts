import { readFileSync } from "node:fs";
import { parser } from "@prometheus-io/lezer-promql";
import { describe, expect, it } from "vitest";
import { parse as parseYaml } from "yaml";
import { DECLARATIONS } from "../../controller/src/operator/metric-catalogue.ts";
import { Metrics } from "../../controller/src/operator/metrics.ts";
import { dashboard } from "./dashboard.ts";

type Alert = {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: Readonly<Record<string, string>>;
};

const rules = new URL("../../helm-chart/amalthea/files/alerts.yaml", import.meta.url);
const { groups } = parseYaml(readFileSync(rules, "utf8")) as {
  readonly groups: readonly { readonly rules: Alert[] }[];
};
const alerts = groups.flatMap((group) => group.rules);

/** A test of promtool. */
type AlertTest = {
  readonly input_series: readonly { readonly series: string }[];
  readonly alert_rule_test?: readonly { readonly alertname: string; readonly exp_alerts: readonly unknown[] }[];
  readonly promql_expr_test?: readonly { readonly exp_samples: readonly { readonly labels: string }[] }[];
};
const { tests } = parseYaml(readFileSync(new URL("alerts.promtool.yaml", import.meta.url), "utf8")) as {
  readonly tests: readonly AlertTest[];
};
/** Alerts that fire in one. */
const fired = tests.flatMap(({ alert_rule_test: ofRules = [], promql_expr_test: ofSamples = [] }) => [
  ...ofRules.filter(({ exp_alerts: expected }) => expected.length > 0).map(({ alertname }) => alertname),
  ...ofSamples.flatMap(({ exp_samples: samples }) => samples.map(({ labels }) => /"(.*)"/.exec(labels)?.[1])),
]);

const panels = (dashboard().panels ?? []).flatMap((panel) =>
  ((panel as { readonly targets?: readonly Target[] }).targets ?? []).map((target) => ({
    title: panel.title,
    ...target,
  })),
);
type Target = { readonly expr: string; readonly legendFormat: string };

/** Labels that Prometheus adds to what it scrapes. */
const OF_TARGETS = ["job", "namespace", "instance"];

const processMetrics = (await new Metrics().registry.getMetricsAsJSON()).map(({ name }) => name);

/** What an expression asks for. */
type Asked = {
  readonly metrics: readonly { readonly name: string; readonly matchers: readonly Matcher[] }[];
  /** By which it groups. */
  readonly labels: readonly string[];
};
type Matcher = { readonly label: string; readonly operator: string; readonly value: string };

/** Reads PromQL with Prometheus' own grammar. @throws Error where it is none. */
function read(expr: string): Asked {
  const text = expr.replaceAll("$__rate_interval", "5m");
  const metrics: { name: string; matchers: Matcher[] }[] = [];
  const labels: string[] = [];
  parser.parse(text).iterate({
    enter: ({ type, node, from, to }) => {
      const own = text.slice(from, to);
      if (type.isError) throw new Error(`no PromQL at ${from}: ${text}`);
      if (type.name === "VectorSelector") metrics.push({ name: own.split(/[{\s]/)[0] ?? "", matchers: [] });
      if (type.name === "UnquotedLabelMatcher") {
        const part = (name: string): string => {
          const child = node.getChild(name);
          return child === null ? "" : text.slice(child.from, child.to);
        };
        const value = part("StringLiteral").slice(1, -1);
        metrics.at(-1)?.matchers.push({ label: part("LabelName"), operator: part("MatchOp"), value });
      }
      if (type.name === "GroupingLabels") labels.push(...own.replaceAll(/[()\s]/g, "").split(","));
    },
  });
  return { metrics, labels };
}

/** The metric that a series belongs to. */
function declared(series: string): string {
  const histogram = /^(.*)_(bucket|sum|count)$/.exec(series)?.[1] ?? "";
  return DECLARATIONS.get(histogram)?.type === "histogram" ? histogram : series;
}

function labelsOf(series: string): readonly string[] {
  const own = Object.keys(DECLARATIONS.get(declared(series))?.labels ?? {});
  return [...OF_TARGETS, ...own, ...(series.endsWith("_bucket") ? ["le"] : [])];
}

const expressions = [
  ...alerts.map(({ alert, expr }) => ({ of: alert, expr })),
  ...panels.map(({ title, expr }) => ({ of: `the panel "${title}"`, expr })),
];

describe.each(expressions)("$of asks in $expr", ({ expr }) => {
  const { metrics, labels } = read(expr);

  it("for metrics that the controller has", () => {
    expect(metrics).not.toHaveLength(0);
    for (const { name } of metrics) {
      const isKnown = DECLARATIONS.has(declared(name)) || processMetrics.includes(name);
      expect(isKnown, name).toBe(true);
      if (DECLARATIONS.get(declared(name))?.type === "histogram") expect(name).toMatch(/_(bucket|sum|count)$/);
    }
  });

  it("by labels that they have, with values that these can have", () => {
    for (const { name, matchers } of metrics) {
      for (const { label, operator, value } of matchers) {
        expect(labelsOf(name), `${name}{${label}}`).toContain(label);
        const values = DECLARATIONS.get(declared(name))?.labels[label];
        if (Array.isArray(values) && !operator.startsWith("!")) {
          for (const one of value.split("|")) expect(values).toContain(one);
        }
      }
    }
    const known = metrics.flatMap(({ name }) => labelsOf(name));
    for (const label of labels) expect(known).toContain(label);
  });
});

it.each(panels)("the legend $legendFormat of $title names labels that are left", ({ expr, legendFormat }) => {
  const { labels } = read(expr);
  const shown = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = ""]) => label);
  for (const label of shown) expect(labels.length === 0 ? OF_TARGETS : labels).toContain(label);
});

it.each(alerts)("$alert says what is the matter and what to do", ({ alert, labels, annotations }) => {
  expect(alert).toMatch(/^Amalthea[A-Z]/);
  expect(["critical", "warning", "info"]).toContain(labels.severity);
  expect(annotations["summary"]).toMatch(/\.$/);
  expect(annotations["runbook"]).toMatch(/\.$/);
});

it.each(alerts)("promtool is given series that fire $alert, and series that do not", ({ alert, expr }) => {
  expect(fired).toContain(alert);
  const isQuiet = ({ promql_expr_test: ofSamples = [] }: AlertTest): boolean =>
    ofSamples.some(({ exp_samples: samples }) => samples.length === 0);
  const quiet = tests.filter(isQuiet).flatMap(({ input_series: all }) => all.map(({ series }) => series.split("{")[0]));
  expect(quiet).toEqual(expect.arrayContaining(read(expr).metrics.map(({ name }) => name)));
});
