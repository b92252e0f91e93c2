import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cachedFolder } from "./cache.ts";

const KEY = "0123456789abcdef";

let cache: string;
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), "cache-"));
});
afterEach(async () => rm(cache, { recursive: true }));

const surroundings = (lines: string[] = [], signal = new AbortController().signal) => ({
  cache,
  progress: (line: string) => void lines.push(line),
  signal,
});

async function fill(folder: string): Promise<void> {
  await writeFile(join(folder, "file"), "built");
}

/** Part of util-linux; images are built on Linux alone. */
const hasFlock = spawnSync("flock", ["--version"]).status === 0;

describe.skipIf(!hasFlock)("cachedFolder", () => {
  it("builds once for a key and again for another", async () => {
    const built: string[] = [];
    const get = async (key: string): Promise<string> =>
      cachedFolder({ name: "image", key, build: async () => void built.push(key) }, surroundings());
    const other = "f".repeat(16);
    expect(await get(KEY)).toBe(await get(KEY));
    expect(await get(other)).not.toBe(await get(KEY));
    expect(built).toEqual([KEY, other]);
  });

  it("lets the second of two builders wait and gives it what the first has built", async () => {
    const lines: string[] = [];
    const started = Promise.withResolvers<void>();
    const mayEnd = Promise.withResolvers<void>();
    const build = async (folder: string): Promise<void> => {
      started.resolve();
      await mayEnd.promise;
      await fill(folder);
    };
    const first = cachedFolder({ name: "image", key: KEY, build }, surroundings());
    await started.promise;
    const waits = Promise.withResolvers<void>();
    const second = cachedFolder(
      { name: "image", key: KEY, build: () => Promise.reject(new Error("built twice")) },
      { ...surroundings(), progress: (line) => (lines.push(line), waits.resolve()) },
    );
    await waits.promise;
    mayEnd.resolve();
    expect(await second).toBe(await first);
    expect(lines).toEqual(["waiting for another build of image"]);
  });

  it("leaves nothing of a build that fails, and tries again", async () => {
    const failing = async (folder: string): Promise<void> => {
      await fill(folder);
      throw new Error("no room");
    };
    await expect(cachedFolder({ name: "image", key: KEY, build: failing }, surroundings())).rejects.toThrow("no room");
    expect(await readdir(cache)).toEqual(["locks"]);
    const folder = await cachedFolder({ name: "image", key: KEY, build: fill }, surroundings());
    expect(await readFile(join(folder, "file"), "utf8")).toBe("built");
  });

  it("starts from nothing after a build that was killed", async () => {
    await mkdir(join(cache, "image.unfinished"));
    await writeFile(join(cache, "image.unfinished", "half"), "");
    const folder = await cachedFolder({ name: "image", key: KEY, build: fill }, surroundings());
    expect(await readdir(folder)).toEqual(["file"]);
  });

  it("stops waiting for another builder when told to", async () => {
    const stop = new AbortController();
    const started = Promise.withResolvers<void>();
    const mayEnd = Promise.withResolvers<void>();
    const build = async (): Promise<void> => (started.resolve(), mayEnd.promise);
    const first = cachedFolder({ name: "image", key: KEY, build }, surroundings());
    await started.promise;
    const second = cachedFolder(
      { name: "image", key: KEY, build },
      { ...surroundings([], stop.signal), progress: () => stop.abort(new Error("enough")) },
    );
    await expect(second).rejects.toThrow("enough");
    mayEnd.resolve();
    await first;
  });

  it("keeps the three versions that were used last", async () => {
    const keys = ["a", "b", "c", "d"].map((digit) => digit.repeat(16));
    for (const key of keys) await cachedFolder({ name: "image", key, build: fill }, surroundings());
    expect((await readdir(cache)).filter((name) => name !== "locks")).toEqual(
      keys.slice(1).map((key) => `image-${key}`),
    );
  });
});
