import { describe, expect, it } from "vitest";
import { takeToken, type TokenBucket } from "./event-budget.ts";

const minute = 60_000;

describe("takeToken", () => {
  it("gives 25 at once, then one every five minutes", () => {
    let bucket: TokenBucket | undefined;
    for (let taken = 0; taken < 25; taken++) bucket = takeToken(bucket, 0);
    expect(bucket).toBeDefined();
    expect(takeToken(bucket, 5 * minute - 1)).toBeUndefined();
    expect(takeToken(bucket, 5 * minute)).toBeDefined();
  });
});
