import { open, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Writes a file atomically: readers find the old text or the new one, even after a crash. */
export async function replaceFile(folder: string, name: string, text: string): Promise<void> {
  const next = join(folder, `${name}.new`);
  await writeFile(next, text, { flush: true });
  await rename(next, join(folder, name));
  await syncFolder(folder);
}

/** Names in a folder are durable only once the folder is synced. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
