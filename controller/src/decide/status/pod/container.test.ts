import type { ContainerStateTerminated, ContainerStatus } from "kubernetes-types/core/v1.js";
import { describe, expect, it } from "vitest";
import { containerStates } from "./container-states.ts";
import { containerObstacle } from "./container.ts";
import { aContainer, aPod, someSettings, timeAgo } from "../../testing/builders.ts";

const ended = (more: Partial<ContainerStateTerminated> = {}): ContainerStateTerminated => ({
  exitCode: 1,
  startedAt: timeAgo(40),
  finishedAt: timeAgo(30),
  ...more,
});
const backOff: ContainerStatus["state"] = { waiting: { reason: "CrashLoopBackOff", message: "back-off 5m0s" } };
const running: ContainerStatus["state"] = { running: { startedAt: timeAgo(5) } };

const rows: readonly {
  readonly container: string;
  readonly status: Partial<ContainerStatus>;
  readonly obstacle: string;
  readonly reason?: string;
  readonly state: string;
}[] = [
  { container: "is being created", status: {}, obstacle: "none", state: "waiting" },
  { container: "runs and is not ready yet", status: { state: running }, obstacle: "none", state: "executing" },
  { container: "is ready", status: { ready: true, state: running }, obstacle: "none", state: "ready" },
  {
    container: "is ready after many restarts",
    status: { ready: true, restartCount: 40, state: running, lastState: { terminated: ended() } },
    obstacle: "none",
    state: "ready",
  },
  {
    container: "crashed as often as it may",
    status: { restartCount: 3, state: backOff, lastState: { terminated: ended() } },
    obstacle: "Passing",
    reason: "ContainerFailed",
    state: "waiting",
  },
  {
    container: "crashed once too often",
    status: { restartCount: 4, state: backOff, lastState: { terminated: ended() } },
    obstacle: "Failing",
    reason: "CrashLoop",
    state: "failed",
  },
  {
    container: "crashed once too often and runs for the moment",
    status: { restartCount: 4, state: running, lastState: { terminated: ended() } },
    obstacle: "Failing",
    reason: "CrashLoop",
    state: "failed",
  },
  {
    container: "has just crashed once too often",
    status: { restartCount: 4, state: { terminated: ended() } },
    obstacle: "Failing",
    reason: "CrashLoop",
    state: "failed",
  },
  {
    container: "crashed after a week, and had crashed four times before",
    status: { restartCount: 4, state: backOff, lastState: { terminated: ended({ startedAt: timeAgo(604_800) }) } },
    obstacle: "Passing",
    reason: "ContainerFailed",
    state: "waiting",
  },
  {
    container: "used too much memory for the first time",
    status: {
      restartCount: 1,
      state: running,
      lastState: { terminated: ended({ reason: "OOMKilled", exitCode: 137 }) },
    },
    obstacle: "Passing",
    reason: "OutOfMemory",
    state: "executing",
  },
  {
    container: "uses too much memory each time",
    status: {
      restartCount: 4,
      state: backOff,
      lastState: { terminated: ended({ reason: "OOMKilled", exitCode: 137 }) },
    },
    obstacle: "Failing",
    reason: "OutOfMemory",
    state: "failed",
  },
  {
    container: "was shut down by its user and starts again",
    status: { restartCount: 1, state: backOff, lastState: { terminated: ended({ exitCode: 0 }) } },
    obstacle: "none",
    state: "waiting",
  },
  {
    container: "refuses to start with an empty token",
    status: { restartCount: 1, state: backOff, lastState: { terminated: ended({ exitCode: 65 }) } },
    obstacle: "Failing",
    reason: "TokenEmpty",
    state: "failed",
  },
  {
    container: "cannot start its program",
    status: { state: { terminated: ended({ reason: "StartError", exitCode: 128, message: "exec: no such file" }) } },
    obstacle: "Failing",
    reason: "ContainerStartFailed",
    state: "failed",
  },
  {
    container: "could not start its program, and waits for the next attempt",
    status: { restartCount: 9, state: backOff, lastState: { terminated: ended({ reason: "ContainerCannotRun" }) } },
    obstacle: "Failing",
    reason: "ContainerStartFailed",
    state: "failed",
  },
];

describe("containerObstacle", () => {
  it.each(rows)("a container that $container meets the obstacle: $obstacle", ({ status, obstacle, reason }) => {
    const found = containerObstacle(aPod({ containers: [aContainer(status)] }), someSettings());
    expect(found?.kind ?? "none").toBe(obstacle);
    expect(found?.why.reason).toBe(reason);
  });

  it("counts an init container as failed at its second restart, and a sidecar like a regular one", () => {
    const init = aContainer({ name: "prepare", restartCount: 2, state: backOff, lastState: { terminated: ended() } });
    expect(containerObstacle(aPod({ initContainers: [init] }), someSettings())?.kind).toBe("Failing");
    const spec = { initContainers: [{ name: "prepare", restartPolicy: "Always" }] };
    expect(containerObstacle(aPod({ initContainers: [init], spec }), someSettings())?.kind).toBe("Passing");
  });

  it("tells of a failing container before one that is merely restarted", () => {
    const restarted = aContainer({ name: "a", restartCount: 1, state: running, lastState: { terminated: ended() } });
    const broken = aContainer({ name: "b", state: { waiting: { reason: "InvalidImageName" } } });
    expect(containerObstacle(aPod({ containers: [restarted, broken] }), someSettings())?.why.reason).toBe(
      "InvalidImageName",
    );
  });

  it("never quotes a container's termination message, which may hold its token", () => {
    const status = {
      restartCount: 9,
      state: backOff,
      lastState: { terminated: ended({ message: "http://x/?token=geheim" }) },
    };
    const obstacle = containerObstacle(aPod({ containers: [aContainer(status)] }), someSettings());
    expect(obstacle?.why.reason).toBe("CrashLoop");
    expect(JSON.stringify(obstacle)).not.toContain("geheim");
  });
});

describe("containerStates", () => {
  it.each(rows)("a container that $container is $state", ({ status, state }) => {
    const pod = aPod({ containers: [aContainer(status)] });
    expect(containerStates(pod, someSettings())).toEqual({ init: {}, regular: { "jupyter-server": state } });
  });

  it("an init container that is done is ready", () => {
    const done = aContainer({ name: "prepare", ready: true, state: { terminated: ended({ exitCode: 0 }) } });
    expect(containerStates(aPod({ initContainers: [done] }), someSettings())?.init).toEqual({ prepare: "ready" });
  });
});
