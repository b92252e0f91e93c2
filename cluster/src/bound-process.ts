import { type ChildProcess, spawn, type SpawnOptions, spawnSync } from "node:child_process";
import type { Socket } from "node:net";

/** What a bound process is started with; each has a session of its own. */
export type BoundOptions = Omit<SpawnOptions, "detached">;

/**
 * Starts a command that ends with this process at the latest, however this process ends. In its own session: a
 * Ctrl-C in the terminal reaches only this process.
 */
export function spawnBound(command: readonly [string, ...string[]], options: BoundOptions): ChildProcess {
  if (!kernelBinds()) return spawnReaped(command, options);
  return spawn("setpriv", [...BOUND_BY_KERNEL, ...command], { ...options, detached: true });
}

const BOUND_BY_KERNEL = ["--pdeathsig", "KILL", "--"];

let canKernelBind: boolean | undefined;

/** Whether the kernel supports it: Linux, with setpriv of util-linux. */
function kernelBinds(): boolean {
  canKernelBind ??= spawnSync("setpriv", [...BOUND_BY_KERNEL, "true"]).status === 0;
  return canKernelBind;
}

/** The same without kernel support: a shell kills the process groups that are left when this process has ended. */
export function spawnReaped([program, ...args]: readonly [string, ...string[]], options: BoundOptions): ChildProcess {
  const child = spawn(program, args, { ...options, detached: true });
  const { pid } = child;
  if (pid === undefined) return child; // it emits an error
  reaper ??= startReaper();
  const input = reaper.stdin;
  input?.write(`+ ${pid}\n`);
  child.once("exit", () => input?.write(`- ${pid}\n`)); // the system gives the number to another process one day
  return child;
}

/** Reads lines "+ GROUP" and "- GROUP" until its input ends, as it does with this process. */
const REAPER = `groups=" "
while read -r sign group; do
  case "$sign $groups" in
    "+ "*) groups="$groups$group " ;;
    "- "*" $group "*) groups="\${groups%% $group *} \${groups#* $group }" ;;
  esac
done
for group in $groups; do kill -KILL "-$group" 2>/dev/null; done`;

let reaper: ChildProcess | undefined;

function startReaper(): ChildProcess {
  const shell = spawn("sh", ["-c", REAPER], { stdio: ["pipe", "ignore", "ignore"], detached: true });
  shell.stdin?.on("error", () => undefined); // somebody killed it
  shell.unref();
  (shell.stdin as Socket).unref(); // the types say Writable; a pipe of Node is a Socket
  return shell;
}
