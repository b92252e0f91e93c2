import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { inputKey } from "./input-hash.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "input-hash-"));
});
afterEach(async () => rm(folder, { recursive: true }));

async function files(name: string, contents: Readonly<Record<string, string>>): Promise<string> {
  for (const [path, content] of Object.entries(contents)) {
    const file = join(folder, name, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }
  return inputKey([{ kind: "Files", path: join(folder, name) }]);
}

describe("inputKey", () => {
  it("is the same for the same files in another place", async () => {
    const here = await files("here", { "main.ts": "a", "deep/er.ts": "b" });
    const there = await files("there", { "deep/er.ts": "b", "main.ts": "a" });
    expect(there).toBe(here);
  });

  it.each([
    { change: "a content changes", contents: { "main.ts": "b" } },
    { change: "a file is renamed", contents: { "other.ts": "a" } },
    { change: "a file moves to a folder", contents: { "deep/main.ts": "a" } },
    { change: "a file is added", contents: { "main.ts": "a", "other.ts": "" } },
  ])("is another when $change", async ({ contents }) => {
    expect(await files("after", contents)).not.toBe(await files("before", { "main.ts": "a" }));
  });

  it.each(["main.test.ts", "node_modules/some/index.js"])("ignores %s, which reaches no image", async (path) => {
    expect(await files("with", { "main.ts": "a", [path]: "b" })).toBe(await files("without", { "main.ts": "a" }));
  });

  it("tells apart the order and the borders of texts", async () => {
    const texts = async (...all: readonly string[]): Promise<string> =>
      inputKey(all.map((text) => ({ kind: "Text", text })));
    const keys = await Promise.all([texts("a", "b"), texts("b", "a"), texts("ab"), texts("a", "b", "")]);
    expect(new Set(keys).size).toBe(4);
  });
});
