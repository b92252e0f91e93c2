import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Every static check, one after the other, so that a failure is read in one place. `npm run format` fixes the last. */
const checks: readonly (readonly [string, ...string[]])[] = [
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
  ["prettier", "--check", "--cache", "--log-level", "warn", "."],
];

const root = fileURLToPath(new URL("..", import.meta.url));
let failed = 0;
for (const [command, ...args] of checks) {
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: "utf8", shell: false });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const verdict = status === 0 ? "ok" : "FAILED";
  console.log(`${verdict.padEnd(7)} ${seconds.padStart(5)} s  ${[command, ...args].join(" ")}`);
  if (status !== 0) {
    failed += 1;
    console.log(`${stdout}${stderr}`.trimEnd());
  }
}
if (failed > 0) console.log(`${failed} of ${checks.length} checks failed.`);
process.exitCode = failed === 0 ? 0 : 1;
