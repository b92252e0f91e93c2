import { describe, expect, it } from "vitest";
import { ApplyHistory } from "./apply-history.ts";

const version = (resourceVersion: string): { uid: string; resourceVersion: string } => ({ uid: "u", resourceVersion });

describe("ApplyHistory", () => {
  it("does not repeat an apply that changed nothing until the object or the manifest changes", () => {
    const history = new ApplyHistory();
    history.record("7", version("7"), "hash", 0);
    expect(history.waitMs(version("7"), "hash", 1)).toBe(Number.POSITIVE_INFINITY);
    expect(history.equivalentHash(version("7"))).toBe("hash");
    expect(history.equivalentHash(version("8"))).toBeUndefined();
    expect(history.waitMs(version("8"), "hash", 1)).toBe(0);
    expect(history.waitMs(version("7"), "other", 1)).toBe(0);
  });

  it("repairs a child that is changed back ten times in ten minutes, then waits until the window has passed", () => {
    const history = new ApplyHistory();
    for (let round = 0; round < 10; round++) {
      expect(history.waitMs(version(`${round}0`), "hash", round * 1_000)).toBe(0);
      history.record(`${round}0`, version(`${round}1`), "hash", round * 1_000);
    }
    expect(history.waitMs(version("99"), "hash", 10_000)).toBe(590_000);
    expect(history.waitMs(version("99"), "hash", 600_000)).toBe(0);
    expect(history.waitMs(version("99"), "another", 10_000)).toBe(0);
  });

  it("knows what it created, also after a change of it", () => {
    const history = new ApplyHistory();
    history.record(undefined, version("1"), "hash", 0);
    history.record("1", version("2"), "other", 1);
    expect(history.hasCreated("u")).toBe(true);
    history.record("7", { uid: "v", resourceVersion: "8" }, "hash", 0);
    expect(history.hasCreated("v")).toBe(false);
    history.forget("u");
    expect(history.hasCreated("u")).toBe(false);
  });

  it("starts again for an object that was recreated", () => {
    const history = new ApplyHistory();
    history.record("7", version("7"), "hash", 0);
    history.forget("u");
    expect(history.waitMs(version("7"), "hash", 1)).toBe(0);
  });
});
