import { describe, expect, it } from "vitest";
import { checkClusterName, isInstalled } from "./requirements.ts";

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
