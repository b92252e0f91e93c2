import { readActivityReport, readKernels, readRequests, readTerminals, type ActivityReport } from "@amalthea/api";
import { describe, expect, it } from "vitest";
import { ago, NOW, timeAgo } from "../testing/builders.ts";
import { activityIn, lastActivityIn } from "./activity.ts";

const quiet: ActivityReport = { kernels: { total: 0, busy: 0, connections: 0 }, terminals: { total: 0 } };
const kernel = { id: "a", execution_state: "idle", last_activity: timeAgo(600), connections: 0 };
const kernels = (...changes: readonly object[]): ActivityReport => {
  const read = readKernels(
    changes.map((change) => ({ ...kernel, ...change })),
    NOW.getTime(),
  );
  return read === undefined ? quiet : { ...quiet, kernels: read };
};
const settings = { openTabsAreActivity: true, cpuUsageMillicoresIdleThreshold: 200 };

describe("what counts as activity", () => {
  it.each([
    ["nothing at all", quiet, [], Number.POSITIVE_INFINITY],
    ["a kernel that executes something", kernels({ execution_state: "busy" }), ["KernelBusy"], 600],
    ["a kernel that is idle", kernels({}), [], 600],
    ["the latest of several kernels", kernels({}, { last_activity: timeAgo(5) }), [], 5],
    ["a kernel that never starts", kernels({ execution_state: "starting" }), [], 600],
    ["a dead kernel", kernels({ execution_state: "dead" }), [], 600],
    ["a tab with an open notebook", kernels({ connections: 1 }), ["TabOpen"], 600],
    ["connections counted below zero", kernels({ connections: -2 }), [], 600],
    ["a terminal that printed something", { ...quiet, terminals: { total: 1, quietSeconds: 7 } }, [], 7],
    [
      "a WebSocket through the login",
      { ...quiet, proxy: { openWebSockets: 1 } },
      ["TabOpen"],
      Number.POSITIVE_INFINITY,
    ],
    [
      "a program in a terminal that prints nothing, by its CPU use",
      { ...quiet, cpuMillicores: 201 },
      ["CpuUsed"],
      Number.POSITIVE_INFINITY,
    ],
    ["the CPU use of a server at rest", { ...quiet, cpuMillicores: 200 }, [], Number.POSITIVE_INFINITY],
    ["a request to a program behind Jupyter, such as RStudio", { ...quiet, requests: { quietSeconds: 9 } }, [], 9],
    ["a page opened through the login", { ...quiet, proxy: { openWebSockets: 0, quietSeconds: 3 } }, [], 3],
  ] as const)("%s", (_what, report, now, quietSeconds) => {
    expect(activityIn(report, settings)).toMatchObject({ now, quietSeconds });
  });

  it("is not an open tab where the administrator says so", () => {
    const report = { ...kernels({ connections: 1 }), requests: { quietSeconds: 1 } };
    expect(activityIn(report, { ...settings, openTabsAreActivity: false })).toEqual({
      now: [],
      quietSeconds: 600,
      last: "KernelUsed",
    });
  });

  it("is not CPU use where the administrator sets no threshold", () => {
    const most = { ...settings, cpuUsageMillicoresIdleThreshold: 0 };
    expect(activityIn({ ...quiet, cpuMillicores: 9000 }, most).now).toEqual([]);
  });

  it("is counted back from the answer by the pod's own clock", () => {
    expect(lastActivityIn({ at: NOW, report: kernels({}) }, settings)).toEqual({ at: ago(600), by: "KernelUsed" });
    expect(lastActivityIn({ at: NOW, report: quiet }, settings)).toBeUndefined();
    const absurd = { ...quiet, terminals: { total: 1, quietSeconds: 1e300 } };
    expect(lastActivityIn({ at: NOW, report: absurd }, settings)).toBeUndefined();
  });
});

describe("what the latest activity was", () => {
  const used = { ...kernels({}), requests: { quietSeconds: 599 } };
  it.each([
    ["nothing", quiet, undefined],
    ["a kernel, whose use Jupyter counts as a request, too", used, "KernelUsed"],
    ["a terminal", { ...used, terminals: { total: 1, quietSeconds: 9 } }, "TerminalUsed"],
    ["a request of a program behind Jupyter", { ...used, requests: { quietSeconds: 9 } }, "RequestServed"],
    ["a page behind the login", { ...used, proxy: { openWebSockets: 0, quietSeconds: 9 } }, "PageUsed"],
    ["what lasts, before anything else", { ...used, cpuMillicores: 300 }, "CpuUsed"],
  ] as const)("is told: %s", (_what, report, by) => {
    expect(lastActivityIn({ at: NOW, report }, settings)?.by).toBe(by);
  });
});

describe("an answer of Jupyter", () => {
  it("may have times of another time zone", () => {
    const elsewhere = `${new Date(NOW.getTime() - 600_000 + 5.5 * 3_600_000).toISOString().slice(0, 19)}+05:30`;
    const read = readKernels([{ ...kernel, last_activity: elsewhere }], NOW.getTime());
    expect(read?.quietSeconds).toBe(600);
  });

  it.each([
    null,
    "",
    {},
    { message: "Forbidden" },
    [null],
    [[]],
    [{ ...kernel, last_activity: "yesterday" }],
    [{ ...kernel, last_activity: 5 }],
    [{ ...kernel, execution_state: undefined }],
    [{ ...kernel, connections: "many" }],
    Array.from({ length: 20_000 }, () => kernel),
  ])("that it cannot have given is none (%#)", (body) => {
    expect(readKernels(body, NOW.getTime())).toBeUndefined();
  });

  it("of a classic notebook server is read, too", () => {
    expect(readKernels([{ ...kernel, connections: undefined }], NOW.getTime())).toMatchObject({
      total: 1,
      connections: 0,
    });
    expect(readTerminals([{ name: "1", last_activity: timeAgo(4) }], NOW.getTime(), undefined)).toEqual({
      total: 1,
      quietSeconds: 4,
    });
  });

  it("about terminals without times, as notebook 6.0 gives it, goes by the latest request if that is known", () => {
    const requests = { quietSeconds: 9 };
    expect(readTerminals([{ name: "1" }], NOW.getTime(), requests)).toEqual({ total: 1, quietSeconds: 9 });
    expect(readTerminals([], NOW.getTime(), requests)).toEqual({ total: 0 });
    expect(readTerminals([{ name: "1" }], NOW.getTime(), undefined)).toBeUndefined();
    const mixed = [{ name: "1" }, { name: "2", last_activity: timeAgo(4) }];
    for (const list of [mixed, mixed.toReversed()]) {
      expect(readTerminals(list, NOW.getTime(), undefined)).toBeUndefined();
    }
  });

  it("about its status tells of the latest request", () => {
    expect(readRequests({ last_activity: timeAgo(4), connections: 0 }, NOW.getTime())).toEqual({ quietSeconds: 4 });
    for (const body of [null, [], {}, { last_activity: 5 }, { last_activity: "today" }]) {
      expect(readRequests(body, NOW.getTime())).toBeUndefined();
    }
  });

  it("with a time ahead of the node's clock means now", () => {
    const ahead = new Date(NOW.getTime() + 60_000).toISOString();
    expect(readTerminals([{ last_activity: ahead }], NOW.getTime(), undefined)).toEqual({ total: 1, quietSeconds: 0 });
  });
});

describe("a report", () => {
  it("is taken as it was sent", () => {
    const report = {
      ...kernels({}),
      requests: { quietSeconds: 2 },
      proxy: { openWebSockets: 2, quietSeconds: 1.5, sessionsRenewed: false },
    };
    expect(readActivityReport(JSON.parse(JSON.stringify(report)))).toEqual(report);
  });

  it.each([
    undefined,
    [],
    { kernels: {} },
    { ...quiet, kernels: { total: 1, busy: -1, connections: 0 } },
    { ...quiet, terminals: { total: "1" } },
    { ...quiet, terminals: { total: 1, quietSeconds: null } },
    { ...quiet, requests: {} },
    { ...quiet, proxy: {} },
    { ...quiet, proxy: { openWebSockets: 0, sessionsRenewed: "no" } },
  ])("that is malformed is none (%#)", (value) => {
    expect(readActivityReport(value)).toBeUndefined();
  });
});
