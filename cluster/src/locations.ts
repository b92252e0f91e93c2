import { mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of this package in the checkout. */
export const packageFolder: string = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * Folder of everything that is built once and used by every checkout and every cluster: AMALTHEA_CACHE, else
 * ~/.cache/amalthea. It may be deleted at any time while nothing runs.
 */
export function cacheFolder(): string {
  const folder = resolve(process.env["AMALTHEA_CACHE"] ?? join(homedir(), ".cache", "amalthea"));
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Folder that holds one folder for each cluster of this machine: AMALTHEA_STATE, else /var/lib/amalthea. */
export function stateRoot(): string {
  return resolve(process.env["AMALTHEA_STATE"] ?? "/var/lib/amalthea");
}

/** Folder of the state of one cluster. */
export function stateFolder(name: string): string {
  return join(stateRoot(), name);
}
