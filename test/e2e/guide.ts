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
  return textOfGuide("sh", title, replacements);
}

/** The same for a block in another language. */
export async function textOfGuide(
  language: "sh" | "python" | "js",
  title: string,
  replacements: Readonly<Record<string, string>>,
): Promise<string> {
  const block = /^```(\w+)\n(?:#|\/\/) (.+)\n([^]*?)^```$/gm;
  const blocks = [...(await readFile(GUIDE, "utf8")).matchAll(block)];
  const commands = blocks.find(([, found, name]) => found === language && name === title)?.[3];
  if (commands === undefined) throw new Error(`the login guide has no ${language} "${title}"`);
  return Object.entries(replacements).reduce((text, [from, to]) => text.replaceAll(from, to), commands);
}
