import { execFile, spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { layerCommand } from "./layer.ts";
import type { Layer } from "./layer.ts";

const runFile = promisify(execFile);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "layer-"));
});
afterEach(async () => rm(folder, { recursive: true }));

async function root(name: string, time: Date): Promise<string> {
  for (const file of ["dev/null", "etc/passwd", "usr/bin/tool"]) {
    const path = join(folder, name, file);
    await mkdir(join(path, ".."), { recursive: true });
    await writeFile(path, file);
    await utimes(path, time, time);
  }
  await chmod(join(folder, name, "usr/bin/tool"), 0o700);
  return join(folder, name);
}

async function tar(layer: Layer): Promise<string> {
  const file = join(folder, "layer.tar");
  const [command, ...args] = layerCommand(layer, file);
  await runFile(command, args);
  return file;
}

async function listing(layer: Layer): Promise<string> {
  return (await runFile("tar", ["--list", "--verbose", "--numeric-owner", `--file=${await tar(layer)}`])).stdout;
}

/** That of Linux; images are built there alone. */
const hasGnuTar = spawnSync("tar", ["--version"], { encoding: "utf8" }).stdout?.includes("GNU") ?? false;

describe.skipIf(!hasGnuTar)("layerCommand", () => {
  it("writes the same bytes for the same files of another time", async () => {
    const old = await readFile(await tar({ root: await root("old", new Date(0)), ownersAndModes: "Root" }));
    const now = await readFile(await tar({ root: await root("now", new Date()), ownersAndModes: "Root" }));
    expect(now.equals(old)).toBe(true);
  });

  it("makes everything root's and readable to all", async () => {
    const lines = await listing({ root: await root("image", new Date()), ownersAndModes: "Root" });
    expect(lines).toMatch(/^-rwxr-xr-x 0\/0 .* \.\/usr\/bin\/tool$/m);
    expect(lines).toMatch(/^-rw-r--r-- 0\/0 .* \.\/etc\/passwd$/m);
  });

  it("takes the chosen paths alone", async () => {
    const chosen = { root: await root("image", new Date()), paths: ["etc"], ownersAndModes: "Root" } as const;
    expect(await listing(chosen)).toMatch(/^(.* \.\/etc\/(passwd)?\n)+$/);
  });

  it("leaves out what is in a folder, and keeps the folder", async () => {
    const lines = await listing({ root: await root("image", new Date()), without: ["dev/*"], ownersAndModes: "Root" });
    expect(lines).toContain("./dev/\n");
    expect(lines).not.toContain("./dev/null");
    expect(lines).toContain("./usr/bin/tool");
  });
});
