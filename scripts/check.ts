import { execFile } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";

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
let failed = 0;

async function runNext(): Promise<void> {
  for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) await run(check);
}

function run([command, ...args]: (typeof checks)[number]): Promise<void> {
  const start = performance.now();
  return new Promise((resolve) => {
    execFile(command, args, { cwd: root, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      const verdict = error === null ? "ok" : "FAILED";
      console.log(`${verdict.padEnd(7)} ${seconds.padStart(5)} s  ${[command, ...args].join(" ")}`);
      if (error !== null) {
        failed += 1;
        console.log(`${stdout}${stderr}`.trimEnd() || error.message);
      }
      resolve();
    });
  });
}

const waiting = [...checks];
await Promise.all(Array.from({ length: availableParallelism() }, runNext));
if (failed > 0) console.log(`${failed} of ${checks.length} checks failed.`);
process.exitCode = failed === 0 ? 0 : 1;
