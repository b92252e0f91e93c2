import { open, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Writes a whole file: whoever reads it finds the old text or the new one, also after a crash. */
export async function replaceFile(folder: string, name: string, text: string): Promise<void> {
  const next = join(folder, `${name}.new`);
  await writeFile(next, text, { flush: true });
  await rename(next, join(folder, name));
  await syncFolder(folder);
}

/** Names in a folder are as safe as the folder is. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
