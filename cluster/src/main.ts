import { spawn } from "node:child_process";
import { parseArgs } from "node:util";
import { binaryPath, buildCluster, buildExtra, extraPrograms } from "./build/build.ts";
import { defaultClusterName, down, openCluster, status, up } from "./node/cluster.ts";
import { ClusterError } from "./errors.ts";

const usage = `Usage: npm run cluster COMMAND [-- OPTIONS]

  build [--with PROGRAM]…      compile and fetch all programs, once for this machine; ${extraPrograms.join(" and ")}
                               only if they are named
  up [--name N] [--port P]     start the cluster, or what is missing of it
  down [--name N]              end it and remove its data
  status [--name N]            what runs, and where
  kubectl [--name N] ARGS…     kubectl as an administrator of it
  helm [--name N] ARGS…        helm as an administrator of it
  load-image [--name N] ARCHIVE REFERENCE
                               make an image available by the name that objects use

The name defaults to "${defaultClusterName}".`;

const say = (line: string): void => console.error(line);

/** Splits "--name N" or "--name=N" off the front; what follows belongs to the command that is called. */
function splitName(args: readonly string[]): { readonly name: string; readonly rest: readonly string[] } {
  const [first = "", second = ""] = args;
  if (first === "--name") return { name: second, rest: args.slice(2) };
  if (first.startsWith("--name=")) return { name: first.slice("--name=".length), rest: args.slice(1) };
  return { name: defaultClusterName, rest: args };
}

/** Runs a program in the foreground, with our terminal, and ends as it does. */
async function passThrough(program: string, args: readonly string[], kubeconfig: string): Promise<number> {
  const child = spawn(program, args, { stdio: "inherit", env: { ...process.env, KUBECONFIG: kubeconfig } });
  return await new Promise((resolve) => {
    child.once("error", () => resolve(127));
    child.once("close", (code) => resolve(code ?? 1));
  });
}

function parsePort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new ClusterError(`"${text}" is not a port.`);
}

function printStatus(name: string): number {
  const components = status(name);
  if (components === undefined) {
    console.log(`The cluster ${name} does not exist.`);
    return 1;
  }
  for (const { name: component, pid } of components) {
    console.log(`${component.padEnd(24)} ${pid === undefined ? "not running" : `running (process ${pid})`}`);
  }
  if (components.every(({ pid }) => pid === undefined)) return 1;
  const cluster = openCluster(name);
  console.log(`kubeconfig               ${cluster.kubeconfigPath}`);
  console.log(`ingress                  ${cluster.ingressUrl} or http://${cluster.nodeAddress}`);
  return components.every(({ pid }) => pid !== undefined) ? 0 : 1;
}

async function buildCommand(args: readonly string[], signal: AbortSignal): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: { with: { type: "string", multiple: true } } });
  const extras = (values.with ?? []).map((text) => {
    const extra = extraPrograms.find((name) => name === text);
    if (extra === undefined) throw new ClusterError(`"${text}" is not one of ${extraPrograms.join(", ")}.`);
    return extra;
  });
  await buildCluster(say, signal);
  for (const extra of extras) await buildExtra(extra, say, signal);
  return 0;
}

async function upCommand(args: readonly string[], signal: AbortSignal): Promise<number> {
  const options = { name: { type: "string" }, port: { type: "string" } } as const;
  const { values } = parseArgs({ args: [...args], options });
  const port = parsePort(values.port);
  const cluster = await up({
    name: values.name ?? defaultClusterName,
    ...(port === undefined ? {} : { port }),
    progress: say,
    signal,
  });
  console.log(`export KUBECONFIG=${cluster.kubeconfigPath}`);
  console.log(cluster.ingressUrl);
  return 0;
}

async function main(command: string | undefined, args: readonly string[], signal: AbortSignal): Promise<number> {
  const { name, rest } = splitName(args);
  switch (command) {
    case "build":
      return await buildCommand(args, signal);
    case "up":
      return await upCommand(args, signal);
    case "down":
      await down(name, say);
      return 0;
    case "status":
      return printStatus(name);
    case "kubectl":
      return await passThrough(binaryPath("kubernetes"), ["kubectl", ...rest], openCluster(name).kubeconfigPath);
    case "helm":
      return await passThrough(binaryPath("helm"), rest, openCluster(name).kubeconfigPath);
    case "load-image": {
      const [archive, reference] = rest;
      if (archive === undefined || reference === undefined) throw new ClusterError(usage);
      await openCluster(name).loadImage(archive, reference, signal);
      return 0;
    }
    default:
      say(usage);
      return command === undefined || command === "help" || command === "--help" ? 0 : 2;
  }
}

/** Whether the message alone tells the user what is wrong; everything else is a mistake of ours and shows its stack. */
function isForUsers(error: unknown): error is Error {
  return error instanceof ClusterError || (error instanceof TypeError && "code" in error);
}

const interruption = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => interruption.abort(new ClusterError("Interrupted.")));
}
try {
  const [command, ...args] = process.argv.slice(2);
  process.exitCode = await main(command, args, interruption.signal);
} catch (error) {
  say(isForUsers(error) ? error.message : String(error instanceof Error ? error.stack : error));
  process.exitCode = 1;
}
