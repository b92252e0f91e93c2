import { execFile } from "node:child_process";
import { cp, lstat, mkdir } from "node:fs/promises";
import { basename, dirname, join, relative, sep } from "node:path";
import { promisify } from "node:util";
import { isPackaged } from "./input-hash.ts";
import { BuildError } from "./errors.ts";
import type { BuildPlace } from "./definition.ts";
import type { Input } from "./input-hash.ts";
import type { Layer } from "./layer.ts";

/** Files of installed packages that no running program reads. */
const NOT_RUN = /\.(d\.[cm]?ts|map)$/;

/** What decides the content of `nodeSourcesLayer`. */
export function nodeSourcesInputs(workspaces: readonly string[], { repository }: BuildPlace): readonly Input[] {
  const folders = workspaces.flatMap((workspace) => [
    join(repository, workspace, "package.json"),
    join(repository, workspace, "src"),
  ]);
  return [join(repository, "package-lock.json"), ...folders].map((path) => ({ kind: "Files", path }));
}

/**
 * A layer with the TypeScript sources of workspaces and the packages they need to run, below `app/` as in the checkout:
 * node runs the sources as they are, and stack traces show their lines.
 *
 * @param workspaces Folders, those they import included.
 */
export async function nodeSourcesLayer(workspaces: readonly string[], place: BuildPlace): Promise<Layer> {
  place.progress(`copying the sources of ${workspaces.join(", ")} and the packages they need`);
  const root = join(place.scratch, "sources");
  const app = join(root, "app");
  for (const workspace of workspaces) {
    for (const part of ["package.json", "src"]) {
      await cp(join(place.repository, workspace, part), join(app, workspace, part), {
        recursive: true,
        filter: (path) => isPackaged(basename(path)),
      });
    }
  }
  for (const path of await runtimePackages(workspaces, place)) await copyPackage(path, place.repository, app);
  return { root, ownersAndModes: "Root" };
}

/** Paths below `node_modules` of what the workspaces need at run time; npm knows. */
async function runtimePackages(workspaces: readonly string[], place: BuildPlace): Promise<readonly string[]> {
  const chosen = workspaces.map((workspace) => `--workspace=${workspace}`);
  const args = ["ls", "--all", "--parseable", "--omit=dev", ...chosen];
  const { stdout } = await promisify(execFile)("npm", args, { cwd: place.repository, signal: place.signal }).catch(
    (error: unknown) => {
      place.signal.throwIfAborted();
      throw new BuildError(`the installed packages do not fit package-lock.json: run \`npm ci\``, { cause: error });
    },
  );
  const inModules = `${sep}node_modules${sep}`;
  return stdout.split("\n").filter((path) => path.includes(inModules));
}

async function copyPackage(path: string, repository: string, app: string): Promise<void> {
  const target = join(app, relative(repository, path));
  await mkdir(dirname(target), { recursive: true });
  const isWorkspace = (await lstat(path)).isSymbolicLink();
  if (isWorkspace) {
    await cp(path, target, { verbatimSymlinks: true, recursive: true });
    return;
  }
  // Packages nested in this one are in npm's list themselves, if they are needed.
  await cp(path, target, {
    recursive: true,
    filter: (file) => !NOT_RUN.test(file) && !relative(path, file).split(sep).includes("node_modules"),
  });
}
