import { createHash, randomBytes } from "node:crypto";
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { rename } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { cacheFolder, freePort, withLock } from "@amalthea/cluster";
import { JUPYTERLAB_SETTINGS, JUPYTER_CONFIG_FILES } from "../../../controller/src/decide/children/jupyter-config.ts";
import { JUPYTER_ENV } from "../../../controller/src/decide/live/pod-names.ts";
import { until } from "../until.ts";

/** Path of a server's base URL in these tests. */
export const BASE = "/sessions/alice";

/** A Jupyter server of some release as a process of this machine, with the configuration that the controller writes. */
export interface JupyterProcess extends AsyncDisposable {
  /** Address of the server, without a slash at its end. */
  readonly url: string;
  /** Addresses that it listens on at its port: `127.0.0.1`, `0.0.0.0`, `[::]`. */
  listeners(): Promise<readonly string[]>;
  log(): string;
}

export type JupyterStart = {
  /** Name of a file of requirements in this folder, without its ending. */
  readonly release: string;
  /** What follows `jupyter` on the command line. */
  readonly command: readonly string[];
  readonly listenAddress: string;
  /** Content of the token file; undefined: there is none. */
  readonly token: string | undefined;
  readonly defaultUrl?: string;
  /** Content of a file that the command line names by `--config`. */
  readonly ownConfig?: string;
};

/** Starts Jupyter and waits until it answers. @throws Error with its log when it ends instead. */
export async function startJupyter(start: JupyterStart): Promise<JupyterProcess> {
  const { child, port, logPath, folder } = await launch(start);
  const url = `http://127.0.0.1:${port}${BASE}`;
  const log = (): string => readFileSync(logPath, "utf8");
  const hasEnded = (): boolean => child.exitCode !== null;
  const answers = async (): Promise<boolean> => hasEnded() || (await fetch(`${url}/api`)).ok;
  await until(answers, (isSo) => isSo);
  if (hasEnded()) throw new Error(`Jupyter ended with exit code ${child.exitCode}: ${log()}`);
  return {
    url,
    log,
    listeners: async () => await listeners(port),
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await exitOf(child);
      removeFolder(folder);
    },
  };
}

/** Starts Jupyter where it must not start. @returns Its exit code and log. */
export async function failToStart(
  start: JupyterStart,
): Promise<{ readonly code: number | null; readonly log: string }> {
  const { child, logPath, folder } = await launch(start);
  const code = await exitOf(child);
  const log = readFileSync(logPath, "utf8");
  removeFolder(folder);
  return { code, log };
}

type Launched = {
  readonly child: ChildProcess;
  readonly port: number;
  readonly logPath: string;
  readonly folder: string;
};

async function launch({
  release,
  command,
  listenAddress,
  token,
  defaultUrl = "/lab",
  ownConfig,
}: JupyterStart): Promise<Launched> {
  const environment = await installed(release);
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "amalthea-jupyter-"));
  for (const [file, text] of Object.entries(JUPYTER_CONFIG_FILES)) writeFileSync(join(folder, file), text);
  mkdirSync(join(folder, "labconfig"));
  writeFileSync(join(folder, "labconfig/default_setting_overrides.json"), JUPYTERLAB_SETTINGS);
  writeFileSync(join(folder, "cookie_secret"), randomBytes(32).toString("hex"), { mode: 0o600 });
  if (token !== undefined) writeFileSync(join(folder, "token"), token);
  const ownConfigPath = join(folder, "own.py");
  if (ownConfig !== undefined) writeFileSync(ownConfigPath, ownConfig);
  const flags = ["--allow-root", ...(ownConfig === undefined ? [] : [`--config=${ownConfigPath}`])];
  const tokenVariables = { [JUPYTER_ENV.tokenFile]: join(folder, "token"), [JUPYTER_ENV.tokenRequired]: "true" };
  const logPath = join(folder, "log");
  const output = openSync(logPath, "w");
  const child = spawn(join(environment, "bin/jupyter"), [...command, ...flags], {
    cwd: folder,
    stdio: ["ignore", output, output],
    env: {
      PATH: `${environment}/bin:${process.env["PATH"]}`,
      HOME: folder,
      JUPYTER_CONFIG_PATH: folder,
      [JUPYTER_ENV.listenAddress]: listenAddress,
      [JUPYTER_ENV.port]: String(port),
      [JUPYTER_ENV.baseUrl]: BASE,
      [JUPYTER_ENV.defaultUrl]: defaultUrl,
      [JUPYTER_ENV.rootDir]: join(folder, "work"),
      [JUPYTER_ENV.allowOrigin]: "http://hub.example.org",
      [JUPYTER_ENV.cookieSecretFile]: join(folder, "cookie_secret"),
      ...(token === undefined ? {} : tokenVariables),
    },
  });
  closeSync(output);
  return { child, port, logPath, folder };
}

/** The virtual environment of a release, in the cache under the hash of its requirements. */
export async function installed(release: string): Promise<string> {
  const requirements = join(import.meta.dirname, `${release}.txt`);
  const hash = createHash("sha256").update(readFileSync(requirements)).digest("hex").slice(0, 16);
  const folder = join(cacheFolder(), "jupyter-releases");
  mkdirSync(folder, { recursive: true });
  const environment = join(folder, `${release}-${hash}`);
  await withLock(
    `${environment}.lock`,
    () => {},
    async () => await install(environment, requirements),
  );
  return environment;
}

const execute = promisify(execFile);

/** Scripts of a virtual environment name its folder, so it is made in its place and marked when it is complete. */
async function install(environment: string, requirements: string): Promise<void> {
  const marker = join(environment, "complete");
  try {
    readFileSync(marker);
    return;
  } catch {
    rmSync(environment, { recursive: true, force: true });
  }
  await execute("python3", ["-m", "venv", environment]);
  await execute(join(environment, "bin/pip"), [
    "install",
    "--quiet",
    "--no-deps",
    "--only-binary=:all:",
    "--requirement",
    requirements,
  ]);
  writeFileSync(`${marker}.new`, "");
  await rename(`${marker}.new`, marker);
}

async function listeners(port: number): Promise<readonly string[]> {
  const { stdout } = await execute("ss", ["-Hltn", `sport = :${port}`]);
  const addresses = stdout.split("\n").filter((line) => line !== "");
  return addresses.map((line) => (line.split(/\s+/)[3] ?? "").replace(`:${port}`, "")).toSorted();
}

/** Kernels and servers that were just killed may still write there for a moment. */
function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
}

function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => child.once("exit", (code) => resolve(code)));
}
