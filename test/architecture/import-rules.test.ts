import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

type Report = {
  readonly summary: {
    readonly totalCruised: number;
    readonly violations: readonly { readonly from: string; readonly rule: { readonly name: string } }[];
  };
};

const root = fileURLToPath(new URL("../..", import.meta.url));
const fixtures = fileURLToPath(new URL("fixtures", import.meta.url));
const config = join(root, ".dependency-cruiser.js");
// a configuration file is plain JavaScript
const { default: rules } = (await import(config)) as { default: { forbidden: readonly { name: string }[] } };
const ruleNames = rules.forbidden.map(({ name }) => name).toSorted();

/** Runs the checker on a tree in which `bad.ts` breaks one rule. */
function violationsIn(folder: string): Report["summary"] {
  const folders = readdirSync(folder);
  const result = spawnSync("depcruise", ["--config", config, "--output-type", "json", ...folders], {
    cwd: folder,
    encoding: "utf8",
    env: { ...process.env, PATH: `${join(root, "node_modules", ".bin")}:${process.env["PATH"]}` },
  });
  const report = JSON.parse(result.stdout) as Report; // the checker's own report format
  return report.summary;
}

describe("the import rules", () => {
  it("have a fixture that breaks each of them, and no other fixture", () => {
    expect(readdirSync(fixtures).toSorted()).toEqual(ruleNames);
  });

  it.each(ruleNames)("notice a file that breaks %s", (name) => {
    const { totalCruised, violations } = violationsIn(join(fixtures, name));
    expect(totalCruised).toBeGreaterThan(0);
    expect(violations.map(({ from, rule }) => `${rule.name}: ${from}`)).toContainEqual(
      expect.stringMatching(new RegExp(`^${name}: .*bad\\.ts$`)),
    );
  });
});
