import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { pipeline } from "node:stream/promises";

/** What decides the content of a build: text such as a key or a version, or a file or folder by its content. */
export type Input =
  { readonly kind: "Text"; readonly text: string } | { readonly kind: "Files"; readonly path: string };

/** Hex digits of a key; 64 bits, far from any accident among the few builds of one machine. */
const KEY_LENGTH = 16;

/**
 * A short name for a set of inputs: equal content gives an equal key on any machine, in any checkout.
 *
 * Tests and installed packages inside a folder do not count: they reach no image. Neither does where a file lies, only
 * its path below the input.
 */
export async function inputKey(inputs: readonly Input[]): Promise<string> {
  const hash = createHash("sha256");
  for (const input of inputs) {
    if (input.kind === "Text") {
      hash.update(`text ${input.text}\0`);
      continue;
    }
    for (const file of await filesBelow(input.path)) {
      hash.update(`file ${relative(input.path, file).split(sep).join("/")} ${await sha256OfFile(file)}\0`);
    }
  }
  return hash.digest("hex").slice(0, KEY_LENGTH);
}

/** Whether a file or folder of this name can reach an image. */
export function isPackaged(name: string): boolean {
  return name !== "node_modules" && !name.endsWith(".test.ts");
}

/** SHA-256 of the content of a file, in hex. */
export async function sha256OfFile(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}

async function filesBelow(path: string): Promise<readonly string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const files: string[] = [];
  const entries = (await readdir(path, { withFileTypes: true })).filter((entry) => isPackaged(entry.name));
  for (const entry of entries) {
    const below = join(path, entry.name);
    if (entry.isDirectory()) files.push(...(await filesBelow(below)));
    else files.push(below);
  }
  return files.sort();
}
