import { describe, expect, it } from "vitest";
import { Metrics, METRICS } from "./metrics.ts";

describe("Metrics", () => {
  it("writes what was counted and set in Prometheus' text format", () => {
    const metrics = new Metrics();
    metrics.count("amalthea_authorization_decisions_total", { decision: "Allow", reason: "Authorized" });
    metrics.count("amalthea_authorization_decisions_total", { decision: "Allow", reason: "Authorized" });
    metrics.set("amalthea_authorization_policy_valid", 1);
    const lines = metrics.render().split("\n");
    expect(lines).toContain('amalthea_authorization_decisions_total{decision="Allow",reason="Authorized"} 2');
    expect(lines).toContain("amalthea_authorization_policy_valid 1");
    for (const [name, { type }] of Object.entries(METRICS)) expect(lines).toContain(`# TYPE ${name} ${type}`);
  });
});
