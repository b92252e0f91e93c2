import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readConfig } from "./config.ts";
import { ConfigError } from "./environment.ts";

describe("readConfig", () => {
  it("has the defaults of 0.24 where nothing is set", () => {
    const config = readConfig({});
    expect(config.metrics).toEqual({ enabled: false, port: 8765, legacy: undefined });
    expect(config.healthPort).toBe(8080);
    expect(config.tokenCheckSeconds).toBe(600);
    expect(config.logLevel).toBe("info");
    expect(config.usage).toEqual({ enabled: true, intervalSeconds: 30, kubelet: undefined });
    expect(config.extraChildResources).toEqual([]);
    expect(config.decision).toMatchObject({
      selectorLabels: {},
      schedulerName: undefined,
      externalTls: false,
      annotationPrefix: "renku.io",
      keepPredecessorAnnotations: false,
      initContainerRestartLimit: 1,
      containerRestartLimit: 3,
      unschedulableGraceSeconds: 600,
      networkPolicy: { enabled: true, ingressFrom: undefined, egress: undefined },
    });
  });

  it.each([
    { env: {}, scope: { kind: "OwnNamespace" } },
    { env: { CLUSTER_WIDE: "false", NAMESPACES: "" }, scope: { kind: "OwnNamespace" } },
    { env: { CLUSTER_WIDE: "True" }, scope: { kind: "Cluster" } },
    { env: { NAMESPACES: "b, a,b" }, scope: { kind: "Namespaces", namespaces: ["a", "b"] } },
  ])("looks at $scope.kind given $env", ({ env, scope }) => {
    expect(readConfig(env).scope).toEqual(scope);
  });

  it("says that it watches its own namespace only, where 0.24 watched the whole cluster", () => {
    expect(readConfig({}).warnings.join()).toContain("only the controller's own namespace");
    expect(readConfig({ CLUSTER_WIDE: "false" }).warnings).toEqual([]);
  });

  it.each(["app: amalthea\nrelease: one\n", '{"app":"amalthea","release":"one"}'])(
    "reads selector labels from %j",
    (text) => {
      expect(readConfig({ AMALTHEA_SELECTOR_LABELS: text }).decision.selectorLabels).toEqual({
        app: "amalthea",
        release: "one",
      });
    },
  );

  it("accepts the variables of 0.24's framework and says that they have no effect", () => {
    const { warnings } = readConfig({ CLUSTER_WIDE: "true", KOPF_CREATE_TIMEOUT: "60", KOPF_CREATE_RETRIES: "3" });
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toContain("KOPF_CREATE_TIMEOUT");
  });

  it.each([
    { name: "WORKERS", value: "many" },
    { name: "WORKERS", value: "0" },
    { name: "METRICS_PORT", value: "70000" },
    { name: "METRICS_ENABLED", value: "maybe" },
    { name: "LOG_LEVEL", value: "loud" },
    { name: "EXTRA_CHILD_RESOURCES", value: '[{"group":"batch"}]' },
    { name: "EXTRA_CHILD_RESOURCES", value: "jobs" },
    { name: "JUPYTER_SERVER_RESOURCE_CHECK_INTERVAL_SECONDS", value: "1" },
    { name: "KUBELET_STATS_ENABLED", value: "true" }, // without the service account
    { name: "AMALTHEA_SELECTOR_LABELS", value: "just text" },
    { name: "AMALTHEA_SELECTOR_LABELS", value: "a: {b: c}" },
    { name: "NETWORK_POLICY_EGRESS", value: "{}" },
    { name: "NAMESPACES", value: "not_a_name" },
    { name: "CRD_NAME", value: "Notebook" },
    { name: "AUDITLOG_EXTRA_LABELS", value: "team" },
    { name: "AUDITLOG_EXTRA_LABELS", value: '["kopf.zalando.org/last-handled-configuration"]' },
    { name: "AUDITLOG_MAX_MEBIBYTES", value: "20" },
    { name: "AUDITLOG_ROTATION_MEBIBYTES", value: "65" },
    { name: "AUDITLOG_S3__BUCKET", value: "audit" },
  ])("refuses $name=$value and names the variable", ({ name, value }) => {
    expect(() => readConfig({ [name]: value })).toThrow(name);
  });

  it("tells every mistake at once", () => {
    const env = { WORKERS: "x", HEALTH_PORT: "-1", CLUSTER_WIDE: "true", NAMESPACES: "a" };
    try {
      readConfig(env);
      expect.unreachable();
    } catch (error) {
      expect((error as ConfigError).problems).toHaveLength(3);
      expect(error).toBeInstanceOf(ConfigError);
    }
  });

  it("reads no variable that the reference page does not tell of, and all that it tells of", () => {
    const asked = new Set<string>();
    readConfig(new Proxy({}, { get: (_target, name) => void asked.add(String(name)) }));
    const page = readFileSync(join(import.meta.dirname, "../../../docs/reference/environment.md"), "utf8");
    const told = new Set(page.match(/(?<=`)[A-Z][A-Z0-9_]{3,}(?=`)/g));
    for (const name of ["KUBECONFIG", "KUBE_CONTEXT"]) told.delete(name); // read before there is a configuration
    expect([...asked].toSorted()).toEqual([...told].toSorted());
  });
});
