import { CLIENT_ANNOTATIONS, DEFAULT_ANNOTATION_PREFIX as annotationPrefix, type JupyterServer } from "@amalthea/api";
import { describe, expect, it } from "vitest";
import { aServer, NOW as now, timeAgo } from "../decide/testing/builders.ts";
import { countByCondition, countByIdleTime, countByStateAndMode } from "./server-counts.ts";

const options = { annotationPrefix, now };

const running = { state: "running" } as const;

function numberOf(servers: readonly JupyterServer[], state: string, mode: string): number | undefined {
  return countByStateAndMode(servers).find(({ labels }) => labels.state === state && labels.mode === mode)?.value;
}

describe("the count of servers", () => {
  it("is by state and by what protects them, and says 0 where there is none", () => {
    const servers = [
      aServer({ status: running, oidc: { enabled: true } }),
      aServer({ status: running, auth: { token: "given" } }),
      aServer({ status: running }),
      aServer({ status: running, auth: { token: "" } }),
      aServer(),
    ];
    expect(numberOf(servers, "running", "oidc")).toBe(1);
    expect(numberOf(servers, "running", "token")).toBe(2);
    expect(numberOf(servers, "running", "none")).toBe(1);
    expect(numberOf(servers, "unknown", "token")).toBe(1);
    expect(numberOf(servers, "failed", "oidc")).toBe(0);
    expect(numberOf([], "running", "token")).toBe(0);
  });

  it("takes a state or a reason that is none of ours for one label, whatever it says", () => {
    const condition = { status: "True", message: "", lastTransitionTime: timeAgo(1) } as const;
    const odd = Array.from({ length: 100 }, (_, index) =>
      aServer({
        status: {
          state: `state-${index}` as never,
          conditions: [
            { ...condition, type: "Stalled", reason: `Reason${index}` },
            { ...condition, type: `Type${index}`, reason: "RouteTaken" },
          ],
        },
      }),
    );
    expect(numberOf(odd, "unknown", "token")).toBe(100);
    expect(countByStateAndMode(odd)).toHaveLength(24);
    expect(countByCondition(odd)).toEqual([{ labels: { type: "other", reason: "other" }, value: 200 }]);
  });

  it("tells of conditions that are true, except those that are the state in other words", () => {
    const condition = { message: "", lastTransitionTime: timeAgo(1) };
    const conditions = [
      { ...condition, type: "Ready", status: "True", reason: "PodReady" },
      { ...condition, type: "Stalled", status: "True", reason: "RouteTaken" },
      { ...condition, type: "PolicyWarning", status: "False", reason: "ViolationTolerated" },
    ] as const;
    expect(countByCondition([aServer({ status: { conditions } })])).toEqual([
      { labels: { type: "Stalled", reason: "RouteTaken" }, value: 1 },
    ]);
  });

  it("is of running servers by the time since the latest activity that is known, in the status or as a heartbeat", () => {
    const quiet = (seconds: number): JupyterServer =>
      aServer({ status: { ...running, lastActivityAt: timeAgo(seconds) } });
    const beat = (date: string): JupyterServer => ({
      ...quiet(5000),
      metadata: {
        ...quiet(0).metadata,
        annotations: { [`${annotationPrefix}/${CLIENT_ANNOTATIONS.lastActivityDate}`]: date },
      },
    });
    const beating = beat(timeAgo(10));
    const hibernated = aServer({ status: { state: "hibernated", lastActivityAt: timeAgo(9000) } });
    const servers = [quiet(10), quiet(1000), quiet(100_000), beating, hibernated, aServer({ status: running })];
    const counts = countByIdleTime(servers, options).map(({ labels, value }) => [labels.at_least_seconds, value]);
    expect(counts).toEqual([
      ["0", 4],
      ["300", 2],
      ["900", 2],
      ["3600", 1],
      ["14400", 1],
      ["86400", 1],
    ]);
    // As for limits, a time that nobody can have been active at does not count.
    expect(countByIdleTime([beat(timeAgo(-90_000))], options)[3]?.value).toBe(1);
  });
});
