import { describe, expect, it } from "vitest";
import { goMemoryLimit } from "./memory.ts";

describe("goMemoryLimit", () => {
  it.each([
    { resources: { limits: { memory: "320Mi" } }, value: "256MiB" },
    { resources: { limits: { memory: "1Gi" } }, value: "819MiB" },
    { resources: { limits: { memory: 64 * 1024 * 1024 } }, value: "51MiB" },
  ])("of $resources is $value", ({ resources, value }) => {
    expect(goMemoryLimit(resources)).toEqual([{ name: "GOMEMLIMIT", value }]);
  });

  it.each([{}, undefined, { limits: { memory: "much" } }, { requests: { memory: "1Gi" } }])(
    "of %j is none",
    (resources) => {
      expect(goMemoryLimit(resources)).toEqual([]);
    },
  );
});
