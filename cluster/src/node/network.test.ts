import { describe, expect, it } from "vitest";
import { hasDefaultRoute, nodeNetwork, smallestFreeIndex } from "./network.ts";

describe("smallestFreeIndex", () => {
  it("skips the networks of other clusters", () => {
    expect(smallestFreeIndex(new Set([0, 1, 3]), [])).toBe(2);
  });

  it("skips networks that this machine has a route to", () => {
    expect(smallestFreeIndex(new Set(), ["default", "10.213.0.0/30", "10.213.1.1"])).toBe(2);
  });

  it("is undefined when all are taken", () => {
    expect(smallestFreeIndex(new Set(Array.from({ length: 256 }, (_, index) => index)), [])).toBeUndefined();
  });
});

describe("nodeNetwork", () => {
  it("names an interface that the kernel accepts, which has at most 15 letters", () => {
    expect(nodeNetwork(255).hostInterface.length).toBeLessThanOrEqual(15);
  });
});

describe("hasDefaultRoute", () => {
  const heading = "Iface\tDestination\tGateway \tFlags\n";

  it.each([
    { table: heading, expected: false },
    { table: `${heading}eth0\t0000D50A\t00000000\t0001\n`, expected: false },
    { table: `${heading}eth0\t00000000\t0100D50A\t0003\n`, expected: true },
  ])("is $expected for $table", ({ table, expected }) => {
    expect(hasDefaultRoute(table)).toBe(expected);
  });
});
