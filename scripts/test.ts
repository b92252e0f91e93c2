import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildCluster, buildVersion, down, exists, otherVersions, prebuiltFolder, withLock } from "@amalthea/cluster";
import { clusterOptions, parseCommandLine } from "./command-line.ts";
import { install, provideImage, release } from "./install.ts";
import { provideCluster, type TargetCluster } from "./provide-cluster.ts";
import { reportFailure } from "./report-failure.ts";
import { REPORT_FILE, type Failure, type TestReport } from "./test-report.ts";

/**
 * `npm test [-- LEVEL ...] [-- --context NAME]`: all tests, in three levels. Each level needs more of the
 * machine than the one before, so the cheap failures come first. The last line counts all tests. The fourth level, the
 * integration tests on other versions of Kubernetes, runs only where it is named: each version takes minutes to compile.
 */
const root = fileURLToPath(new URL("..", import.meta.url));
const usualLevels = ["check", "unit", "integration", "e2e"] as const;
const levels = [...usualLevels, "versions"] as const;
type Level = (typeof levels)[number];

/** The first lines of a message say what was expected and where; a whole one may be an object of a thousand lines. */
const LINES_OF_A_FAILURE = 20;

const { values, positionals } = parseCommandLine(
  { ...clusterOptions, image: { type: "string" }, only: { type: "string", multiple: true } },
  levels,
);

const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => interrupted.abort());

function chosenLevels(): readonly Level[] {
  if (values.context !== undefined) return ["e2e"];
  return positionals.length === 0 ? usualLevels : levels.filter((level) => positionals.includes(level));
}

async function runLevel(level: Level): Promise<TestReport> {
  switch (level) {
    case "check":
      return runReporting("check", [join(root, "scripts/check.ts")], {});
    case "unit":
      return runVitest("unit", {});
    case "integration":
      if (prebuiltFolder() === undefined) await buildCluster(console.log, interrupted.signal);
      return runVitest("integration", {});
    case "e2e":
      return values.context === undefined ? await inTurn(runEndToEnd) : await runEndToEnd();
    case "versions":
      return await runVersions();
  }
}

/** Folders of the integration tests that need an API server; those of the login need none. */
const WITH_API_SERVER = ["api", "controller", "kube", "plans", "policy", "takeover"].map(
  (folder) => `test/integration/${folder}/`,
);

/** The integration tests on each of the other versions; `--only` chooses files. */
async function runVersions(): Promise<TestReport> {
  let sum: TestReport = { passed: 0, failures: [] };
  for (const version of otherVersions) {
    console.log(`\n== integration tests on Kubernetes ${version.kubernetes}`);
    const assets = await buildVersion(version, console.log, interrupted.signal);
    const titles = `--testNamePattern=^(?!.*(${version.differs.join("|")}))`;
    const filter = [...(values.only ?? WITH_API_SERVER), titles];
    sum = add(sum, await runVitest("integration", { KUBEBUILDER_ASSETS: assets }, filter));
  }
  return sum;
}

function add(one: TestReport, other: TestReport): TestReport {
  return { passed: one.passed + other.passed, failures: [...one.failures, ...other.failures] };
}

/** The cluster has one name: a second run on this machine, from whatever checkout, waits for the first. */
function inTurn(action: () => Promise<TestReport>): Promise<TestReport> {
  const waits = (): void => console.log("  … waiting for the end-to-end tests of another run to finish");
  return withLock("/run/lock/amalthea-end-to-end-tests.lock", waits, action, interrupted.signal);
}

/** The end-to-end tests see a cluster through its kubeconfig alone: ours, or one that the user named. */
async function runEndToEnd(): Promise<TestReport> {
  const target = await provideTarget();
  try {
    const [{ jupyterImage, identityProviderImage, helmArguments }, keycloak] = await Promise.all([
      install(target, interrupted.signal),
      provideKeycloak(target),
    ]);
    const env = {
      AMALTHEA_TEST_KUBECONFIG: target.kubeconfig,
      AMALTHEA_TEST_INGRESS_URL: target.ingressUrl,
      AMALTHEA_TEST_IMAGE: values.image ?? jupyterImage,
      AMALTHEA_TEST_IDENTITY_PROVIDER_IMAGE: identityProviderImage,
      ...keycloak,
      AMALTHEA_TEST_HELM_RELEASE: `${release.namespace}/${release.name}`,
      AMALTHEA_TEST_HELM_INSTALL: JSON.stringify(helmArguments),
      PATH: [target.toolsPath, process.env["PATH"]].filter(Boolean).join(":"),
      ...(target.context === undefined
        ? {}
        : { AMALTHEA_TEST_CONTEXT: target.context, AMALTHEA_TEST_NAMESPACE: "default" }),
    };
    const together = await runVitest("e2e", env);
    return add(together, await runVitest("e2e-alone", env));
  } finally {
    await target.release();
  }
}

/** Keycloak's image is by far the largest, and one file alone needs it. @returns The environment of its tests. */
async function provideKeycloak(target: TargetCluster): Promise<Readonly<Record<string, string>>> {
  const isWanted = values.only?.some((part) => "test/e2e/keycloak.test.ts".includes(part)) ?? true;
  if (!isWanted) return {};
  const { exactName } = await provideImage("keycloak", target, interrupted.signal);
  return { AMALTHEA_TEST_KEYCLOAK_IMAGE: exactName };
}

async function provideTarget(): Promise<TargetCluster> {
  const name = "test";
  try {
    // A run that was killed left its servers in the namespaces that the tests are about to use.
    if (values.context === undefined && exists(name)) await down(name, console.log);
    return await provideCluster({ ...values, name }, interrupted.signal);
  } catch (error) {
    if (values.context === undefined) {
      if (interrupted.signal.aborted) await down(name);
      else if (exists(name))
        console.error(
          `\nThe cluster ${name} is kept for inspection; npm run cluster down -- --name ${name} removes it.`,
        );
    }
    throw error;
  }
}

/** Runs one project of vitest.config.ts. */
function runVitest(
  project: string,
  env: Readonly<Record<string, string>>,
  filter: readonly string[] = values.only === undefined ? [] : [...values.only, "--passWithNoTests"],
): Promise<TestReport> {
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const reporters = ["--reporter=default", `--reporter=${join(root, "scripts/test-report.ts")}`];
  return runReporting(project, [vitest, "run", "--project", project, ...filter, ...reporters], env);
}

/** Runs a program that writes a report. One that fails without a failure in its report counts as one. */
async function runReporting(
  name: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<TestReport> {
  const folder = mkdtempSync(join(tmpdir(), "amalthea-test-"));
  const file = join(folder, "report.json");
  // Temporary files of tests that were killed, or that vitest ended before their clean-up, go with the folder.
  const code = await run(args, { ...env, [REPORT_FILE]: file, TMPDIR: folder });
  try {
    const report = JSON.parse(readFileSync(file, "utf8")) as TestReport;
    const failures = report.failures.map(({ title, message }) => ({ title: `${name}: ${title}`, message }));
    if (code === 0 || failures.length > 0) return { passed: report.passed, failures };
    return { passed: report.passed, failures: [{ title: name, message: `it ended with exit code ${code}` }] };
  } catch {
    return { passed: 0, failures: [{ title: name, message: `it ended with exit code ${code}, without a report` }] };
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

function run(args: readonly string[], env: Readonly<Record<string, string>>): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: "inherit", env: { ...process.env, ...env } });
    const stop = (): boolean => child.kill("SIGTERM");
    interrupted.signal.addEventListener("abort", stop);
    child.on("error", reject);
    child.on("exit", (code) => {
      interrupted.signal.removeEventListener("abort", stop);
      resolve(code ?? 1);
    });
  });
}

/** Everything that failed once more, since it is thousands of lines above the end of a whole run. */
function printFailures(failures: readonly Failure[]): void {
  if (failures.length > 0) console.log("\nFailed:");
  for (const { title, message } of failures) {
    console.log(`  ${title}`);
    for (const line of message.split("\n").slice(0, LINES_OF_A_FAILURE)) console.log(`      ${line.slice(0, 300)}`);
  }
}

let sum: TestReport = { passed: 0, failures: [] };
for (const level of chosenLevels()) {
  if (interrupted.signal.aborted) break;
  console.log(`\n== ${level}`);
  try {
    sum = add(sum, await runLevel(level));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    sum = add(sum, { passed: 0, failures: [{ title: level, message }] });
    if (!interrupted.signal.aborted) reportFailure(error);
  }
}
printFailures(sum.failures);
console.log(`\n${sum.passed} passed, ${sum.failures.length} failed`);
process.exitCode = sum.failures.length === 0 && !interrupted.signal.aborted ? 0 : 1;
