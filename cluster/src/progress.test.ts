import { describe, expect, it } from "vitest";
import { countTo } from "./progress.ts";

describe("countTo", () => {
  it("says how much is done of how much", () => {
    const said: string[] = [];
    const onDone = countTo(2, "the compiler", (what) => said.push(what), "packages compiled");
    onDone();
    onDone();
    expect(said).toEqual([0, 1, 2].map((count) => `the compiler (${count} of 2 packages compiled)`));
  });

  it("says nothing of a number that it does not know", () => {
    const said: string[] = [];
    countTo(undefined, "the compiler", (what) => said.push(what), "packages compiled")();
    expect(said).toEqual(["the compiler", "the compiler"]);
  });
});
