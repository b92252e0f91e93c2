import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { promtool } from "./promtool.ts";

const pathOf = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

describe("the alerts of the chart", () => {
  it("are a rule file of Prometheus", async () => {
    const said = await promtool(["check", "rules", "--lint-fatal", pathOf("helm-chart/amalthea/files/alerts.yaml")]);
    expect(said).toMatch(/SUCCESS: [1-9]\d* rules found/);
  });

  it("fire when they should, and not else", async () => {
    const said = await promtool(["test", "rules", pathOf("scripts/monitoring/alerts.promtool.yaml")]);
    expect(said).toContain("SUCCESS");
  });
});
