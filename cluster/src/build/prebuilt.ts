import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { ClusterError } from "../errors.ts";

/**
 * The folder with prebuilt programs that `KUBEBUILDER_ASSETS` names, as for envtest; undefined if it names none, and the
 * programs are built here.
 *
 * @see https://book.kubebuilder.io/reference/envtest
 */
export function prebuiltFolder(): string | undefined {
  return process.env["KUBEBUILDER_ASSETS"] || undefined;
}

/** Path of a prebuilt program: in the folder, else on the PATH; undefined if it is nowhere. */
export function findPrebuilt(name: string, folder: string): string | undefined {
  const folders = [folder, ...(process.env["PATH"] ?? "").split(delimiter).filter((part) => part !== "")];
  return folders.map((each) => join(each, name)).find((path) => existsSync(path));
}

/** Path of a prebuilt program. Throws ClusterError, naming where it was looked for. */
export function prebuiltPath(name: string, folder: string): string {
  const path = findPrebuilt(name, folder);
  if (path !== undefined) return path;
  throw new ClusterError(
    `${name} is neither in ${folder}, which KUBEBUILDER_ASSETS names, nor on the PATH: put it there, or unset ` +
      "KUBEBUILDER_ASSETS to have everything compiled (Debian, as root).",
  );
}
