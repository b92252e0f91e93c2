import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The name of an image of ours in the release of this checkout. */
export function releaseReference(name: string): string {
  const manifest: unknown = JSON.parse(readFileSync(join(import.meta.dirname, "..", "package.json"), "utf8"));
  const { version } = manifest as { readonly version: string }; // npm refuses a workspace without one
  return `amalthea/${name}:${version}`;
}
