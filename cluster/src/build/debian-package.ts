import { readdirSync } from "node:fs";
import { join } from "node:path";
import { ClusterError } from "../errors.ts";
import { CommandError, run } from "../run.ts";

/**
 * Downloads a package of Debian. On a machine whose lists of packages are empty or old, as in a fresh container, apt fetches the
 * lists first.
 *
 * Throws ClusterError: no Debian, no mirror, or lists that only root can fetch.
 *
 * @param folder An empty one. @returns Path of the package.
 */
export async function downloadDebianPackage(name: string, folder: string, signal?: AbortSignal): Promise<string> {
  const download = async (): Promise<unknown> =>
    await run("apt-get", ["download", "--quiet", name], { cwd: folder, signal });
  try {
    await download();
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    await updateLists(signal);
    await download();
  }
  const file = readdirSync(folder).find((entry) => entry.endsWith(".deb"));
  if (file === undefined) throw new ClusterError(`apt-get downloaded no package ${name}.`);
  return join(folder, file);
}

async function updateLists(signal: AbortSignal | undefined): Promise<void> {
  const remedy = "It needs Debian, its mirror and root. Without root, run `apt-get update` as root and try again.";
  await run("apt-get", ["update", "--quiet"], { signal, remedy });
}
