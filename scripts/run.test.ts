import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

// plain JavaScript, since it runs before the packages are installed
const { usage } = (await import(new URL("usage.js", import.meta.url).href)) as {
  readonly usage: Readonly<Record<string, string>>;
};
const run = fileURLToPath(new URL("run.js", import.meta.url));
const { scripts } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  readonly scripts: Readonly<Record<string, string>>;
};
const commands = Object.values(scripts).flatMap((script) => /^node scripts\/run\.js (\w+)/.exec(script)?.[1] ?? []);

function start(...words: readonly string[]): { readonly status: number | null; readonly stdout: string } {
  return spawnSync(process.execPath, [run, ...words], { encoding: "utf8" });
}

describe("a command of this repository", () => {
  // Were this broken, `stop` would end a cluster: it goes the same way as the others.
  const harmless = Object.entries(usage).filter(([name]) => name !== "stop");

  it.each(harmless)("tells its options and does nothing: %s --help", (name, text) => {
    expect(start(name, "--help")).toMatchObject({ status: 0, stdout: `${text}\n` });
  });

  it("does nothing when it takes no arguments and is given one", () => {
    expect(start("generate", "everything")).toMatchObject({ status: 2, stdout: `${usage["generate"]}\n` });
  });

  it("has a text for --help, unless it has commands of its own", () => {
    expect(new Set(commands)).toEqual(new Set([...Object.keys(usage), "cluster", "images"]));
  });
});
