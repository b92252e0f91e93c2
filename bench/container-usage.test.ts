import { describe, expect, it } from "vitest";
import { cpuMsOf, memoryOf } from "./container-usage.ts";

const SMAPS_ROLLUP = `55e912d9b000-7ffc948b5000 ---p 00000000 00:00 0                          [rollup]
Rss:               92160 kB
Pss:                 177 kB
Shared_Clean:       1540 kB
Private_Clean:      1024 kB
Private_Dirty:     17408 kB
Private_Hugetlb:       0 kB
`;

describe("memoryOf", () => {
  it("adds up the private pages, written or not, in MiB", () => {
    expect(memoryOf(SMAPS_ROLLUP)).toEqual({ private: 18, resident: 90 });
  });

  it("is no number where a field is missing, so that no limit is kept by accident", () => {
    expect(memoryOf("Rss: 1 kB").private).toBeNaN();
  });
});

describe("cpuMsOf", () => {
  it("tells user and system time together, in milliseconds", () => {
    expect(cpuMsOf("usage_usec 1234567\nuser_usec 1000000\nsystem_usec 234567\n")).toBe(1234.567);
  });
});
