import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { REPORT_FILE, type TestReport } from "./test-report.ts";

const modules = fileURLToPath(new URL("../node_modules", import.meta.url));
const reporter = fileURLToPath(new URL("test-report.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "amalthea-report-"));
afterAll(() => rmSync(folder, { recursive: true }));

function reportOn(test: string): TestReport {
  symlinkSync(modules, join(folder, "node_modules"));
  writeFileSync(join(folder, "some.test.ts"), `import { afterAll, describe, expect, it } from "vitest";\n${test}`);
  writeFileSync(join(folder, "broken.test.ts"), `import "./missing.ts";`);
  const file = join(folder, "report.json");
  const vitest = join(modules, "vitest/vitest.mjs");
  spawnSync(process.execPath, [vitest, "run", "--root", folder, `--reporter=${reporter}`], {
    env: { PATH: process.env["PATH"], [REPORT_FILE]: file },
  });
  return JSON.parse(readFileSync(file, "utf8")) as TestReport;
}

describe("the report of a run", () => {
  it("counts what passed, and names all that failed: tests, groups, files and what happens outside of them", () => {
    const report = reportOn(`
      it("works", () => {});
      it.skip("is skipped", () => {});
      it("is wrong", () => { expect({ a: 1 }).toEqual({ a: 2 }); });
      it("leaves a promise", async () => {
        void Promise.reject(new Error("nobody waits for it"));
        await new Promise(setImmediate);
      });
      describe("a group", () => {
        it("works", () => {});
        afterAll(() => { throw new Error("cannot be cleaned up"); });
      });
    `);
    expect(report.passed).toBe(3);
    expect(Object.fromEntries(report.failures.map(({ title, message }) => [title, message]))).toEqual({
      "some.test.ts > is wrong": expect.stringMatching(/deeply equal[\s\S]+-\s+"a": 2[\s\S]+some\.test\.ts:5/),
      "some.test.ts > a group": expect.stringContaining("cannot be cleaned up"),
      "broken.test.ts": expect.stringContaining("missing.ts"),
      "outside of every test": expect.stringContaining("nobody waits for it"),
    });
  });
});
