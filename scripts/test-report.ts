import { writeFileSync } from "node:fs";
import { stripVTControlCharacters } from "node:util";
import type { Reporter, SerializedError, TestModule } from "vitest/node";

/** What one level leaves for the summary of all. */
export type TestReport = {
  readonly passed: number;
  readonly failures: readonly Failure[];
};

/** A check, a test, a file that could not be loaded, or an error outside of every test. */
export type Failure = { readonly title: string; readonly message: string };

/** The environment variable that names the file to write. */
export const REPORT_FILE = "AMALTHEA_TEST_REPORT";

/** A reporter of vitest that writes a {@link TestReport} when the run ends. */
export default class TestReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const file = process.env[REPORT_FILE];
    if (file === undefined) throw new Error(`${REPORT_FILE} must name the file for the report`);
    writeFileSync(file, JSON.stringify(reportOf(modules, unhandledErrors)));
  }
}

function reportOf(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): TestReport {
  const passed = modules.flatMap((module) => [...module.children.allTests("passed")]).length;
  const ofModules = modules.flatMap(failuresOf);
  const outside = unhandledErrors.map((error) => failure("outside of every test", [error]));
  return { passed, failures: [...ofModules, ...outside] };
}

function failuresOf(module: TestModule): readonly Failure[] {
  const file = module.relativeModuleId;
  const suites = [...module.children.allSuites()].map((suite) =>
    failure(`${file} > ${suite.fullName}`, suite.errors()),
  );
  const tests = [...module.children.allTests("failed")].map((test) =>
    failure(`${file} > ${test.fullName}`, test.result().errors ?? []),
  );
  const ofGroups = [failure(file, module.errors()), ...suites].filter(({ message }) => message !== "");
  return [...ofGroups, ...tests];
}

function failure(title: string, errors: readonly SerializedError[]): Failure {
  return { title, message: errors.map(describe).join("\n") };
}

/** The message, the difference and where it happened, without the frames of vitest itself. */
function describe({ name, message, diff, stack }: SerializedError): string {
  const frames = (stack ?? "").split("\n").filter((line) => /^\s+at /.test(line) && !line.includes("/node_modules/"));
  const difference = typeof diff === "string" ? [stripVTControlCharacters(diff)] : [];
  return [`${name ?? "Error"}: ${message}`, ...difference, ...frames].join("\n");
}
