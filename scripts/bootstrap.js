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

/**
 * Debian's packages by a program of each: those of the cluster, and what images and tests need besides. Go is no
 * package here, because Debian's is too old.
 */
const debianPackages = {
  ...JSON.parse(readFileSync(join(root, "cluster", "debian-packages.json"), "utf8")),
  debootstrap: "debootstrap",
  chromium: "chromium",
  "/etc/ssl/certs/ca-certificates.crt": "ca-certificates",
};
delete debianPackages.go;

/** A step that failed, said in one sentence with the remedy; no stack trace helps the reader. */
class StepFailed extends Error {}

/**
 * Prepares the machine and hands over to a TypeScript program, with the terminal and the arguments of this process.
 *
 * @param {string} program path of the program, from the root of the repository
 * @param {{debian: boolean}} needs `debian`: the cluster's Debian packages are needed, so root is, too
 */
export async function runProgram(program, needs) {
  try {
    await installNodePackages();
    if (needs.debian) await installDebianPackages();
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    process.stderr.write(`\n${error.message}\n`);
    process.exit(1);
  }
  const node = join(root, "node_modules", ".bin", "node");
  const child = spawn(node, ["--disable-warning=ExperimentalWarning", join(root, program), ...process.argv.slice(2)], {
    stdio: "inherit",
    cwd: root,
    env: { ...process.env, PATH: `${join(root, "node_modules", ".bin")}:${process.env.PATH}` },
  });
  // The terminal sends Ctrl-C to both; the program decides when it is done, so this process only waits for it.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => forward(child, signal));
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
  const install = `[ "$(cat '${stamp}' 2>/dev/null)" = ${hash} ] || { npm install --no-save --no-fund --no-audit --loglevel=error && printf ${hash} > '${stamp}'; }`;
  const shell = ["sh", "-c", install];
  const [command, ...args] = isPresent("flock") ? ["flock", lockFile("npm"), ...shell] : shell;
  await step("npm packages", command, args, {
    waitsFor: "the npm registry",
    remedy: "Check that the npm registry can be reached (npm ping), then try again.",
  });
}

function lockFile(name) {
  mkdirSync(cache, { recursive: true });
  return join(cache, `${name}-${createHash("sha256").update(root).digest("hex").slice(0, 8)}.lock`);
}

async function installDebianPackages() {
  if (process.getuid?.() !== 0) {
    throw new StepFailed(
      "This command starts a real Kubernetes on this machine and must run as root (sudo npm start).\n" +
        "To use a cluster that you have already: npm start -- --context NAME",
    );
  }
  if (!isPresent("go")) {
    throw new StepFailed(
      'The command "go" is missing: the cluster is compiled from Go modules. Install Go 1.26 or newer and put it on the PATH.',
    );
  }
  const absent = Object.entries(debianPackages).filter(([program]) => !isPresent(program));
  if (spawnSync("python3", ["-m", "pip", "--version"]).status !== 0) absent.push(["pip", "python3-pip"]);
  const missing = [...new Set(absent.map(([, name]) => name))];
  if (missing.length === 0) return;
  if (!isPresent("apt-get")) {
    throw new StepFailed(`These packages are missing and this machine has no apt-get: ${missing.join(" ")}.`);
  }
  const options = {
    waitsFor: "Debian's package archive",
    remedy: "Check that Debian's package archive can be reached (apt-get update), then try again.",
  };
  await step("Debian's package lists", "apt-get", ["update", "-q"], options);
  const install = ["install", "-q", "-y", "--no-install-recommends", ...missing];
  await step(`Debian packages: ${missing.join(" ")}`, "apt-get", install, options);
}

function isPresent(tool) {
  if (tool.startsWith("/")) return existsSync(tool);
  return (process.env.PATH ?? "").split(":").some((folder) => existsSync(join(folder, tool)));
}

/** Runs a command with its output in a log file; says what runs, that it still runs, and how long it took. */
function step(title, command, args, { waitsFor, remedy }) {
  mkdirSync(join(cache, "logs"), { recursive: true });
  const log = join(
    cache,
    "logs",
    `${title
      .split(":")[0]
      .replaceAll(/[^A-Za-z]+/g, "-")
      .toLowerCase()}.log`,
  );
  const output = openSync(log, "w");
  const start = Date.now();
  const seconds = () => `${Math.round((Date.now() - start) / 1000)} s`;
  process.stdout.write(`${title} ...\n`);
  const child = spawn(command, args, {
    cwd: root,
    stdio: ["ignore", output, output],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
  const reminder = setInterval(
    () => process.stdout.write(`  still running after ${seconds()}, waiting for ${waitsFor}\n`),
    15_000,
  );
  return new Promise((resolve, reject) => {
    const failed = (reason) => {
      const said = readFileSync(log, "utf8")
        .split("\n")
        .filter((line) => line.trim() !== "");
      const shown = said.length > 10 ? [...said.slice(0, 6), "…", ...said.slice(-3)] : said; // npm explains itself first
      reject(
        new StepFailed(
          `${title}: "${command} ${args.join(" ")}" ${reason}:\n  ${shown.join("\n  ")}\nThe whole output is in ${log}. ${remedy}`,
        ),
      );
    };
    child.on("error", (error) => failed(`cannot be run (${error.message})`));
    child.on("exit", (code, signal) => {
      clearInterval(reminder);
      closeSync(output);
      if (code !== 0) return failed(signal === null ? `failed with exit code ${code}` : `was ended by ${signal}`);
      process.stdout.write(`  done in ${seconds()}\n`);
      resolve();
    });
  });
}
