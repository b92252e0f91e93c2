import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { generatedFiles } from "./generated-files.ts";

const files = Object.entries(await generatedFiles());

describe("generated files", () => {
  it.each(files)("%s is what `npm run generate` writes", (path, text) => {
    expect(readFileSync(new URL(`../${path}`, import.meta.url), "utf8")).toBe(text);
  });
});
