import { mkdir, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { type Progress, withLock } from "@amalthea/cluster";

/** A folder that is built once for each set of inputs. */
export type CachedFolder = {
  readonly name: string;
  /** Of the inputs; see `inputKey`. */
  readonly key: string;
  /** Fills the empty folder it is given. */
  readonly build: (folder: string) => Promise<void>;
};

/** Where the builds are kept, and who hears of the wait for another builder. */
export type CacheSurroundings = {
  readonly cache: string;
  readonly progress: Progress;
  readonly signal: AbortSignal;
};

/** Versions of one folder that stay: room for a checkout or two beside this one, without filling the disk. */
const VERSIONS_KEPT = 3;

/**
 * The path of a folder, built now if nobody has built it before.
 *
 * Of two builders one works and the other waits and gets the result. The folder appears complete or not at all: it is
 * built under another name, and what an interrupted build left there is removed by the next.
 */
export async function cachedFolder(
  { name, key, build }: CachedFolder,
  { cache, progress, signal }: CacheSurroundings,
): Promise<string> {
  const folder = join(cache, `${name}-${key}`);
  if (await markUsed(folder)) return folder;
  const waiting = (): void => progress(`waiting for another build of ${name}`);
  return withLock(
    join(cache, "locks", `${name}.lock`),
    waiting,
    async () => {
      if (!(await markUsed(folder))) await buildInto(folder, join(cache, `${name}.unfinished`), build);
      await removeOldVersions(cache, name);
      return folder;
    },
    signal,
  );
}

async function buildInto(folder: string, unfinished: string, build: CachedFolder["build"]): Promise<void> {
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true });
  try {
    await build(unfinished);
    await rename(unfinished, folder);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** Whether the folder is there; if so it counts as used now. */
async function markUsed(folder: string): Promise<boolean> {
  const now = new Date();
  return utimes(folder, now, now).then(
    () => true,
    () => false,
  );
}

async function removeOldVersions(cache: string, name: string): Promise<void> {
  const isVersion = new RegExp(`^${name}-[0-9a-f]{16}$`);
  const versions = await Promise.all(
    (await readdir(cache))
      .filter((entry) => isVersion.test(entry))
      .map(async (entry) => ({ path: join(cache, entry), usedMs: (await stat(join(cache, entry))).mtimeMs })),
  );
  versions.sort((a, b) => b.usedMs - a.usedMs);
  for (const { path } of versions.slice(VERSIONS_KEPT)) await rm(path, { recursive: true, force: true });
}
