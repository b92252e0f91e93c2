// What every command of this repository needs before anything else can run: the npm packages (with the Node.js the
// project runs on) and Debian's packages. Plain JavaScript, because this part runs on the Node.js a machine happens
// to have, 20 or newer.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));
const cache = process.env.AMALTHEA_CACHE ?? join(homedir(), ".cache", "amalthea");

/** Debian's packages by a program of each: those of the cluster, and what images and tests need besides. */
const debianPackages = {
  ...JSON.parse(readFileSync(join(root, "cluster", "debian-packages.json"), "utf8")),
  debootstrap: "debootstrap",
  chromium: "chromium",
  mvn: "maven",
  "/etc/ssl/certs/ca-certificates.crt": "ca-certificates",
};

/** A step that failed, said in one sentence with the remedy; no stack trace helps the reader. */
class StepFailed extends Error {}

/**
 * Prepares the machine and hands over to a TypeScript program, with the terminal of this process.
 *
 * @param {string} program path of the program, from the root of the repository
 * @param {string[]} args its arguments
 * @param {{debian: boolean}} needs `debian`: the Debian packages of cluster and images are needed, so root is, too
 */
export async function runProgram(program, args, needs) {
  // A shell of root's need not have the folders of root's programs, as after a plain "su".
  process.env.PATH = `${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin`;
  try {
    await installNodePackages();
    if (needs.debian) await installDebianPackages();
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    process.stderr.write(`\n${error.message}\n`);
    process.exit(1);
  }
  const programs = join(root, "node_modules", ".bin");
  const node = join(programs, "node");
  const child = spawn(node, ["--disable-warning=ExperimentalWarning", join(root, program), ...args], {
    stdio: "inherit",
    cwd: root,
    env: { ...process.env, PATH: `${programs}:${process.env.PATH}` },
  });
  // The terminal sends Ctrl-C to both; the program decides when it is done, so this process only waits for it.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => forward(child, signal));
  child.on("error", () => {
    process.stderr.write(`${node} is missing: remove node_modules, allow npm to run install scripts, and try again.\n`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => process.exit(signal === null ? code : 1));
}

function forward(child, signal) {
  if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
}

async function installNodePackages() {
  const [major] = process.versions.node.split(".").map(Number);
  if (major < 20) throw new StepFailed(`Node.js ${process.versions.node} is too old: 20 or newer is needed.`);
  const hash = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  const stamp = join(root, "node_modules", ".installed-lock-hash");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === hash) return;
  // Not npm ci: it insists that the lock file names the binaries of every platform, and not every registry has them all.
  // Versions and checksums come from the lock file all the same. Whoever waits for the lock finds the work done.
  const install =
    'test "$(cat "$1" 2>/dev/null)" = "$2" || ' +
    '{ npm install --no-save --include=dev --no-fund --no-audit --loglevel=error && printf %s "$2" >"$1"; }';
  await step("npm packages installed", {
    command: "npm install",
    script: install,
    args: [stamp, hash],
    lock: `npm-${createHash("sha256").update(root).digest("hex").slice(0, 8)}`,
    log: "npm-packages",
    waitsFor: "the npm registry",
    remedy: "Check that the npm registry can be reached (npm ping), then try again.",
  });
}

/** The way for machines that cannot run this one. */
const withDocker = 'With Docker, use kind instead (https://kind.sigs.k8s.io): see "With Docker" in README.md.';

async function installDebianPackages() {
  if (process.platform !== "linux") {
    throw new StepFailed(`This command compiles a Kubernetes and runs it on Linux, as root.\n${withDocker}`);
  }
  if (process.getuid?.() !== 0) {
    throw new StepFailed(
      `This command builds container images and runs a Kubernetes on this machine: run it as root (sudo npm start).\n${withDocker}`,
    );
  }
  if (!isPresent("go")) {
    throw new StepFailed(
      `The command "go" is missing: the cluster is compiled from Go modules. Install Go 1.26 or newer (https://go.dev/dl) and put it on the PATH.\n${withDocker}`,
    );
  }
  const absent = Object.entries(debianPackages).filter(([program]) => !isPresent(program));
  if (spawnSync("python3", ["-m", "pip", "--version"]).status !== 0) absent.push(["pip", "python3-pip"]);
  const missing = [...new Set(absent.map(([, name]) => name))];
  if (missing.length === 0) return;
  if (!isPresent("apt-get")) {
    throw new StepFailed(
      `These Debian packages are missing and this machine has no apt-get: ${missing.join(" ")}.\n${withDocker}`,
    );
  }
  // A new machine may be updating itself, and an earlier attempt may have been interrupted: both are overcome.
  const install =
    'install() { apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"; }; ' +
    "{ apt-get update -q || { sleep 30; apt-get update -q; }; } && " +
    '{ install "$@" || { dpkg --configure -a && install "$@"; }; }';
  await step(`Debian packages installed: ${missing.join(" ")}`, {
    command: `apt-get install ${missing.join(" ")}`,
    script: install,
    args: missing,
    lock: "debian-packages",
    log: "debian-packages",
    waitsFor: "Debian's package archive",
    remedy: "Check that Debian's package archive can be reached (apt-get update), then try again.",
  });
}

function isPresent(tool) {
  if (tool.startsWith("/")) return existsSync(tool);
  return process.env.PATH.split(":").some((folder) => folder !== "" && existsSync(join(folder, tool)));
}

/**
 * Runs a shell script with its output in a log file, one at a time for each lock; says what it waits for, and how long
 * it took, in lines like those of the cluster.
 */
function step(title, { command, script, args, lock, log, waitsFor, remedy }) {
  mkdirSync(join(cache, "logs"), { recursive: true });
  const logFile = join(cache, "logs", `${log}.log`);
  const output = openSync(logFile, "w");
  const start = performance.now();
  const seconds = () => `${((performance.now() - start) / 1000).toFixed(1)} s`;
  const shell = ["sh", "-c", script, "sh", ...args];
  const [program, ...rest] = isPresent("flock") ? ["flock", join(cache, `${lock}.lock`), ...shell] : shell;
  const child = spawn(program, rest, {
    cwd: root,
    stdio: ["ignore", output, output],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
  const reminder = setInterval(() => say(`  … ${title}: ${seconds()}, waiting for ${waitsFor}`), 15_000);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      clearInterval(reminder);
      closeSync(output);
      if (code === 0) {
        say(`  ✓ ${title} (${seconds()})`);
        return resolve();
      }
      say(`  ✗ ${title}: failed after ${seconds()}`);
      const how = signal === null ? `failed with exit code ${code}` : `was ended by ${signal}`;
      reject(new StepFailed(`\`${command}\` ${how} (log: ${logFile}):\n  ${excerpt(logFile).join("\n  ")}\n${remedy}`));
    });
  });
}

function say(line) {
  process.stdout.write(`${line}\n`);
}

/** The lines of a log that tell why: npm explains itself first, apt-get last. */
function excerpt(logFile) {
  const lines = readFileSync(logFile, "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "");
  return lines.length > 10 ? [...lines.slice(0, 6), "…", ...lines.slice(-3)] : lines;
}
