import { readFile } from "node:fs/promises";
import { join } from "node:path";

const GUIDE = join(import.meta.dirname, "../../docs/guide/login.md");

/**
 * The commands of a block of the login guide, for a test that runs what readers are told to run.
 *
 * @param title What its first line, a comment, says.
 * @param replacements What stands for the guide's example addresses.
 * @throws Error if the guide has no such block, or if an example address is not in it.
 */
export async function commandsOfGuide(title: string, replacements: Readonly<Record<string, string>>): Promise<string> {
  const blocks = [...(await readFile(GUIDE, "utf8")).matchAll(/^```sh\n# (.+)\n([^]*?)^```$/gm)];
  const commands = blocks.find(([, found]) => found === title)?.[2];
  if (commands === undefined) throw new Error(`the login guide has no commands "${title}"`);
  return Object.entries(replacements).reduce((text, [from, to]) => text.replaceAll(from, to), commands);
}
