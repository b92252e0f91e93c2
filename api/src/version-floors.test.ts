import { describe, expect, it } from "vitest";
import { isOlderVersion } from "./version-floors.ts";

describe("isOlderVersion", () => {
  it.each([
    ["3.7.14", true],
    ["3.7.15", false],
    ["3.10.0", false],
    ["2.99", true],
    ["3.7", false],
    ["4", false],
  ])("%s is older than 3.7.15: %s", (version, isOlder) => {
    expect(isOlderVersion(version, "3.7.15")).toBe(isOlder);
  });
});
