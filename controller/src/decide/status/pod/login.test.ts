import type { ContainerState, ContainerStateTerminated, ContainerStatus } from "kubernetes-types/core/v1.js";
import { describe, expect, it } from "vitest";
import { aContainer, anObserved, aPod, ago, someSettings, timeAgo } from "../../testing/builders.ts";
import { podState } from "./state.ts";

const ISSUER = "https://login.example.org";
const ended: ContainerStateTerminated = { exitCode: 1, startedAt: timeAgo(40), finishedAt: timeAgo(39), message: "" };
const waiting: ContainerState = { waiting: { reason: "CrashLoopBackOff" } };
const trying: Partial<ContainerStatus> = { ready: true, state: { running: { startedAt: timeAgo(1) } } };

function stateWith(
  status: Partial<ContainerStatus>,
  args = [`--oidc-issuer-url=${ISSUER}`],
  startTime = timeAgo(50),
): ReturnType<typeof podState> {
  const oauth2Proxy = { name: "oauth2-proxy", restartCount: 4, state: waiting, lastState: { terminated: ended } };
  const spec = { containers: [{ name: "oauth2-proxy", args }] };
  const running: ContainerState = { running: { startedAt: timeAgo(600) } };
  const containers = [
    aContainer({ state: running, ready: true }),
    aContainer({ name: "auth-proxy", state: running }),
    aContainer({ ...oauth2Proxy, ...status }),
  ];
  const pod = aPod({ phase: "Running", spec, containers });
  return podState(anObserved({ pod: { ...pod, status: { ...pod.status, startTime } } }), someSettings());
}

function reasonWith(...given: Parameters<typeof stateWith>): unknown {
  const state = stateWith(...given);
  return "why" in state ? state.why : state;
}

describe("an oauth2-proxy that cannot start", () => {
  it.each([
    { when: "waits to be started again", status: {} },
    { when: "is just trying again", status: trying },
  ])("is a provider that cannot be used, when it $when", ({ status }) => {
    const values = { issuer: ISSUER, cause: undefined, pod: "alice-0", namespace: "sessions" };
    expect(reasonWith(status)).toEqual({ reason: "ProviderUnusable", values });
  });

  it("is a provider that does not answer, when its liveness probe ended it while it waited", () => {
    const killed = { ...ended, exitCode: 2, startedAt: timeAgo(100) };
    expect(reasonWith({ lastState: { terminated: killed } })).toMatchObject({
      reason: "ProviderUnusable",
      values: { cause: "it does not respond" },
    });
  });

  it("is not blamed where it runs in a pod that was ready before", () => {
    expect(reasonWith(trying, undefined, timeAgo(7200))).toMatchObject({ reason: "Starting" });
    expect(reasonWith({}, undefined, timeAgo(7200))).toMatchObject({ reason: "ProviderUnusable" });
  });

  it("is about the issuer that it was given last, without the password in it", () => {
    const patched = ["--oidc-issuer-url=https://a.example.org", "--oidc-issuer-url=https://me:geheim@b.example.org"];
    expect(reasonWith({}, patched)).toMatchObject({ values: { issuer: "https://b.example.org" } });
  });

  it.each([
    { what: "ended by a signal", status: { lastState: { terminated: { ...ended, exitCode: 137 } } } },
    {
      what: "panicked",
      status: { lastState: { terminated: { ...ended, exitCode: 2, message: "panic: x\n\ngoroutine 1" } } },
    },
    { what: "asks no provider when it starts", status: {}, args: ["--skip-oidc-discovery", `--oidc-issuer-url=x`] },
  ])("is a loop as any other when it $what", ({ status, args }) => {
    expect(reasonWith(status, args)).toMatchObject({ reason: "CrashLoop" });
  });

  it("is not given up before its restarts are used up", () => {
    expect(reasonWith({ restartCount: 3 })).toMatchObject({ reason: "ContainerFailed" });
  });

  it.each([
    {
      when: "it never ended",
      status: { restartCount: 0, lastState: {} },
      detail: "container jupyter-server or oauth2-proxy is running but does not respond yet",
    },
    {
      when: "it ended for an unknown cause",
      status: {},
      detail: "container jupyter-server or oauth2-proxy is running but does not respond yet",
    },
    {
      when: "it could not use the provider",
      status: { lastState: { terminated: { ...ended, message: "connect: connection refused" } } },
      detail: `container oauth2-proxy was restarted because it could not use the provider at ${ISSUER}: the connection is refused`,
    },
  ])("is not passed over while it tries for Jupyter, which responds: $when", ({ status, detail }) => {
    const why = reasonWith({ ...trying, restartCount: 3, ...status });
    expect(why).toEqual({ reason: "Starting", values: { detail } });
  });

  it("that has just been restarted gets the time of a start before Jupyter is blamed", () => {
    expect(stateWith({ ...trying, restartCount: 3 })).toMatchObject({ kind: "Waiting", since: ago(1) });
  });

  it.each([
    {
      says: "dial tcp: lookup a.example on 10.96.0.10:53: read udp 10.1.1.1:4->10.96.0.10:53: i/o timeout",
      cause: "its name cannot be resolved",
    },
    { says: "dial tcp 203.0.113.1:443: connect: no route to host", cause: "there is no route to it" },
    { says: "dial tcp 203.0.113.1:443: i/o timeout", cause: "it does not respond" },
  ])("means, when it says '$says', that $cause", ({ says, cause }) => {
    const message = `failed to discover OIDC configuration: error performing request: Get \\"https://a.example\\": ${says}`;
    expect(reasonWith({ lastState: { terminated: { ...ended, message } } })).toMatchObject({ values: { cause } });
  });

  it("is not quoted with anything but a known cause, however it words that", () => {
    const secret =
      'token=geheim "ERROR: \\"Get https://me:geheim@login.example.org\\": dial tcp: lookup x: no such host"';
    const told = reasonWith({ lastState: { terminated: { ...ended, message: secret } } });
    expect(told).toMatchObject({ values: { cause: "there is no such host" } });
    expect(JSON.stringify(told)).not.toContain("geheim");
  });
});
