import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { isolated } from "../src/run.ts";
import { FILE_TIME_SECONDS } from "../src/layer.ts";
import type { Step } from "../src/run.ts";

/** Debian 12. Its Python is the one that the locked requirements are resolved for. */
const DEBIAN_SUITE = "bookworm";

/** The Python of the suite. */
export const PYTHON_VERSION = "3.11";

/** tini reaps what a notebook's processes leave behind. */
const PACKAGES = ["ca-certificates", "python3", "python3-venv", "tini"];

/** Nothing a container reads: caches, package lists, manuals, translations, logs. Copyright notices stay. */
const NOT_NEEDED = [
  "var/cache/apt",
  "var/cache/debconf",
  "var/cache/ldconfig",
  "var/lib/apt/lists",
  "var/log",
  "usr/share/man",
  "usr/share/info",
  "usr/share/locale",
];

/** What debootstrap copies from this machine; a container runtime puts its own there. */
const OF_THIS_MACHINE = ["etc/hostname", "etc/resolv.conf"];

/**
 * The environment of commands inside the root folder: nothing of this machine, and nothing that varies from run to run.
 */
export const ENVIRONMENT_IN_ROOT: Readonly<Record<string, string>> = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  HOME: "/root",
  LANG: "C.UTF-8",
  PYTHONHASHSEED: "0",
};

/**
 * Installs a small Debian with Python into an empty folder.
 *
 * @throws CommandError without root rights: a root folder has files of several owners.
 */
export async function buildDebianRoot(root: string, run: (step: Step) => Promise<void>): Promise<void> {
  await installDebian(root, { title: "small Debian with Python installed", packages: PACKAGES }, run);
  await compilePython(root, "/usr/lib/python3", run);
  await compilePython(root, `/usr/lib/python${PYTHON_VERSION}`, run);
}

/** Installs Debian's smallest system and some packages into an empty folder, without what no container reads. */
export async function installDebian(
  root: string,
  { title, packages }: { readonly title: string; readonly packages: readonly string[] },
  run: (step: Step) => Promise<void>,
): Promise<void> {
  await run({
    title,
    command: isolated(["debootstrap", "--variant=minbase", `--include=${packages.join(",")}`, DEBIAN_SUITE, root]),
    remedy: "It needs root, the Debian package debootstrap, and a Debian mirror that can be reached.",
  });
  for (const path of NOT_NEEDED) {
    await rm(join(root, path), { recursive: true, force: true });
    await mkdir(join(root, path), { recursive: true });
  }
  for (const path of OF_THIS_MACHINE) await rm(join(root, path), { force: true });
  await run({
    title: "documentation removed",
    // Folders that are links to that of another package stay: its copyright notice is theirs.
    command: [
      "find",
      join(root, "usr/share/doc"),
      "-mindepth",
      "2",
      "!",
      "-name",
      "copyright",
      "!",
      "-type",
      "d",
      "-delete",
    ],
    remedy: "",
  });
}

/** Compiles the Python files below a folder of a root folder, so that the result fits the file times of a layer. */
export async function compilePython(root: string, folder: string, run: (step: Step) => Promise<void>): Promise<void> {
  const remedy = "The root folder is damaged: remove it from the cache and try again.";
  await run({
    title: `file times set below ${folder}`,
    command: ["find", join(root, folder), "-exec", "touch", "-h", "-d", `@${FILE_TIME_SECONDS}`, "{}", "+"],
    remedy,
  });
  await run({
    title: `Python files compiled below ${folder}`,
    command: isolated(["chroot", root, "python3", "-m", "compileall", "-q", "-f", "-j", "2", folder]),
    env: ENVIRONMENT_IN_ROOT,
    remedy,
  });
}
