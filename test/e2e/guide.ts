import { readFile } from "node:fs/promises";
import { join } from "node:path";

const DOCUMENTS = ["docs/guide/login.md", "README.md"].map((path) => join(import.meta.dirname, "../..", path));

/**
 * The commands of a block of the login guide or the README, for a test that runs what readers are told to run.
 *
 * @param title What its first line, a comment, says.
 * @param replacements What stands for the guide's example addresses.
 * @throws Error if there is no such block.
 */
export async function commandsOfGuide(title: string, replacements: Readonly<Record<string, string>>): Promise<string> {
  return textOfGuide("sh", title, replacements);
}

/** The same for a block in another language. */
export async function textOfGuide(
  language: "js" | "python" | "sh" | "yaml",
  title: string,
  replacements: Readonly<Record<string, string>>,
): Promise<string> {
  const block = /^( *)```(\w+)\n *(?:#|\/\/) (.+)\n([^]*?)^ *```$/gm;
  const texts = await Promise.all(DOCUMENTS.map((path) => readFile(path, "utf8")));
  const blocks = [...texts.join("\n").matchAll(block)];
  const [, indent = "", , , commands] = blocks.find(([, , found, name]) => found === language && name === title) ?? [];
  if (commands === undefined) throw new Error(`neither the login guide nor the README has ${language} "${title}"`);
  const written = commands.replaceAll(new RegExp(`^${indent}`, "gm"), "");
  return Object.entries(replacements).reduce((text, [from, to]) => text.replaceAll(from, to), written);
}

/** What the guide tells readers to look for in the metadata of their provider. */
export async function metadataOfGuide(): Promise<readonly string[]> {
  const [guide = ""] = await Promise.all(DOCUMENTS.map((path) => readFile(path, "utf8")));
  const [, section = ""] = guide.split("## Any other provider");
  const cells = [...section.matchAll(/^\| (`[^|]+)\|/gm)].map(([, cell = ""]) => cell);
  return cells.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, name = ""]) => name));
}
