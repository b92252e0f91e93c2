import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { REPORT_FILE, type Failure, type TestReport } from "./test-report.ts";

/** Every static check, the longest first: as many run at once as there are cores. `npm run format` fixes what prettier finds. */
const checks: readonly (readonly [string, ...string[]])[] = [
  ["prettier", "--check", "--cache", "--log-level", "warn", "."],
  ["tsc", "-p", "tsconfig.json"],
  ["tsc", "-p", "api/tsconfig.json"],
  ["tsc", "-p", "controller/src/decide/tsconfig.json"],
  ["oxlint", "--type-aware", "--deny-warnings"],
  [
    "depcruise",
    "--config",
    ".dependency-cruiser.js",
    "api",
    "kube",
    "controller",
    "authorization",
    "cluster",
    "images",
    "scripts",
  ],
  ["knip"],
];

const root = fileURLToPath(new URL("..", import.meta.url));
const failures: Failure[] = [];

async function runNext(): Promise<void> {
  for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) await run(check);
}

function run([command, ...args]: (typeof checks)[number]): Promise<void> {
  const start = performance.now();
  return new Promise((resolve) => {
    execFile(command, args, { cwd: root, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      const verdict = error === null ? "ok" : "FAILED";
      const title = [command, ...args].join(" ");
      console.log(`${verdict.padEnd(7)} ${seconds.padStart(5)} s  ${title}`);
      if (error !== null) {
        const message = `${stdout}${stderr}`.trimEnd() || error.message;
        console.log(message);
        failures.push({ title, message });
      }
      resolve();
    });
  });
}

const waiting = [...checks];
await Promise.all(Array.from({ length: availableParallelism() }, runNext));
if (failures.length > 0) console.log(`${failures.length} of ${checks.length} checks failed.`);
process.exitCode = failures.length === 0 ? 0 : 1;

const reportFile = process.env[REPORT_FILE]; // set by npm test
const report: TestReport = { passed: checks.length - failures.length, failures };
if (reportFile !== undefined) writeFileSync(reportFile, JSON.stringify(report));
