import { statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkClusterName, checkDisk, isInstalled } from "./requirements.ts";

describe("checkClusterName", () => {
  it.each(["default", "a", "test-2"])("accepts %s", (name) => {
    expect(() => checkClusterName(name)).not.toThrow();
  });

  it.each(["", "Default", "-a", "a-", "../etc", "a/b", "a".repeat(21)])("refuses %j", (name) => {
    expect(() => checkClusterName(name)).toThrow("cannot name a cluster");
  });
});

describe("isInstalled", () => {
  it("finds a program in the folders of PATH, empty ones aside", () => {
    expect(isInstalled("sh", ":/bin")).toBe(true);
    expect(isInstalled("no-such-program", "/bin")).toBe(false);
    expect(isInstalled("sh", "")).toBe(false);
  });

  it("looks for a program with a path only there", () => {
    expect(isInstalled("/bin/sh", "")).toBe(true);
  });
});

describe("checkDisk", () => {
  const folder = join(tmpdir(), "no-such-folder");
  const freeGigabytes = (): number => {
    const { bavail, bsize } = statfsSync(tmpdir());
    return (bavail * bsize) / 1e9;
  };

  it("says how much is needed, how much is free and what to do", () => {
    expect(() => checkDisk("A test", [{ folder, gigabytes: 1e6 }])).toThrow(
      /^A test needs 1000000 GB of disk at .*no-such-folder, and [\d.]+ GB are free: free some, or name other folders/,
    );
  });

  it("adds up what is needed on one filesystem", () => {
    const most = 0.7 * freeGigabytes();
    expect(() => checkDisk("A test", [{ folder, gigabytes: most }])).not.toThrow();
    const twice = [folder, `${folder}-2`].map((each) => ({ folder: each, gigabytes: most }));
    expect(() => checkDisk("A test", twice)).toThrow(`${folder} and ${folder}-2`);
  });
});
