import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { buildImage } from "./build-image.ts";
import { catalogue } from "./catalogue.ts";
import { platformTags } from "./wheels.ts";

describe("catalogue", () => {
  it.each(catalogue.map(({ name }) => ({ name })))("$name has a folder of its name", ({ name }) => {
    expect(existsSync(join(import.meta.dirname, "..", name, "image.ts"))).toBe(true);
  });

  it("gives no name to two images", () => {
    const references = catalogue.flatMap((image) => image.references);
    expect(new Set(references).size).toBe(references.length);
  });
});

describe("buildImage", () => {
  it("names the images there are when asked for another", async () => {
    const options = { progress: () => undefined, signal: new AbortController().signal };
    await expect(buildImage("jupiter", options)).rejects.toThrow('no image "jupiter"; there are: jupyter, controller');
  });
});

describe("platformTags", () => {
  it("names the newest glibc first and ends with any Linux", () => {
    const tags = platformTags("x64");
    expect(tags[0]).toBe("manylinux_2_36_x86_64");
    expect(tags).toContain("manylinux_2_5_x86_64");
    expect(tags.at(-1)).toBe("linux_x86_64");
  });
});
