import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { PYTHON_VERSION } from "../debian/root.ts";
import { BuildError } from "./errors.ts";
import type { BuildPlace } from "./definition.ts";

/** Newest glibc that wheels may ask for: that of the images' Debian. */
const GLIBC_MINOR = 36;

/**
 * Downloads the wheels a lock file names, each checked against its hash, into a folder.
 *
 * By the pip of the images' Debian, so that this machine needs no more than a Python of any version, but run on this
 * machine, so that its settings count (index, proxy, certificates).
 */
export async function downloadWheels(lockFile: string, folder: string, place: BuildPlace): Promise<void> {
  await place.run({
    title: "Python packages downloaded",
    command: [
      "python3",
      await pipIn(await place.debianRoot()),
      "download",
      "--require-hashes",
      "--no-deps",
      "--only-binary=:all:",
      "--implementation=cp",
      `--python-version=${PYTHON_VERSION}`,
      ...platformTags(process.arch).map((tag) => `--platform=${tag}`),
      `--requirement=${lockFile}`,
      `--dest=${folder}`,
    ],
    counted: { line: /^Collecting /, total: await countRequirements(lockFile), done: "packages" },
    remedy: "Check that the Python package index can be reached and has these versions.",
  });
}

async function countRequirements(lockFile: string): Promise<number> {
  return (await readFile(lockFile, "utf8")).match(/^[\w.-]+==/gm)?.length ?? 0;
}

/** The wheel of pip that Debian ships for new virtual environments; Python can run it as it is. */
async function pipIn(debianRoot: string): Promise<string> {
  const folder = join(debianRoot, "usr/share/python-wheels");
  const wheel = (await readdir(folder)).find((name) => name.startsWith("pip-"));
  if (wheel === undefined) throw new BuildError(`no pip in ${folder}: remove it from the cache and try again`);
  return join(folder, wheel, "pip");
}

/**
 * The platform tags of wheels that run in the images. pip does not know by itself that a newer glibc runs older wheels
 * when the platform is given.
 */
export function platformTags(arch: string): readonly string[] {
  const machine = arch === "x64" ? "x86_64" : arch === "arm64" ? "aarch64" : arch;
  const newestFirst = Array.from({ length: GLIBC_MINOR - 4 }, (_, index) => GLIBC_MINOR - index);
  const glibc = newestFirst.map((minor) => `manylinux_2_${minor}_${machine}`);
  return [...glibc, ...["manylinux2014", "manylinux2010", "manylinux1", "linux"].map((tag) => `${tag}_${machine}`)];
}
