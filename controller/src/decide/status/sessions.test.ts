import type { JupyterServerStatus } from "@amalthea/api";
import { describe, expect, it } from "vitest";
import type { Observed } from "../live/observed.ts";
import { brief, conditionOf, decideStatus } from "../testing/status.ts";
import { aPod, aReadyPod, aServer, NOW } from "../testing/builders.ts";

/** A pod that answers so about its sessions. */
function answered(sessionsRenewed?: boolean): Observed["activity"] {
  const proxy = { openWebSockets: 0, ...(sessionsRenewed === undefined ? {} : { sessionsRenewed }) };
  const report = { kernels: { total: 0, busy: 0, connections: 0 }, terminals: { total: 0 }, proxy };
  return { kind: "Answered", at: NOW, report, answers: 1 };
}

const pod = aReadyPod();
const UNASKED: Observed["activity"] = { kind: "Unasked" };
const FAILED: Observed["activity"] = { kind: "Failed", at: NOW, since: NOW, failures: 1, why: "it does not respond" };

function statusAfter(more: Partial<Observed>, status?: JupyterServerStatus): JupyterServerStatus {
  const server = aServer(status === undefined ? {} : { status });
  return decideStatus({ server, pod, ...more }).status;
}

const warned = (status: JupyterServerStatus): string | undefined => brief(conditionOf(status, "AccessWarning"));

describe("a login whose sessions the provider does not renew", () => {
  const before = statusAfter({ activity: answered(false) });

  it("has a warning that says what to do about it", () => {
    expect(warned(before)).toBe("True SessionsNotRenewed");
    expect(conditionOf(before, "AccessWarning")?.message).toMatch(/offline_access.*lengthSeconds/s);
  });

  it.each([
    ["a controller that was restarted and has not asked yet", UNASKED],
    ["a pod that does not answer any more", FAILED],
    ["a login that was restarted and does not know yet", answered()],
  ])("keeps it unchanged with %s", (_what, activity) => {
    expect(statusAfter({ activity }, before)).toEqual(before);
  });

  it("loses it when the provider has renewed one, with the pod, and with the next pod", () => {
    expect(warned(statusAfter({ activity: answered(true) }, before))).toBeUndefined();
    expect(warned(statusAfter({ activity: UNASKED, pod: undefined }, before))).toBeUndefined();
    const next = { ...aPod(), metadata: { ...aPod().metadata, uid: "next" } };
    expect(warned(statusAfter({ activity: UNASKED, pod: next }, before))).toBeUndefined();
  });

  it.each([UNASKED, FAILED, answered()])("is not suspected before the pod says so (%#)", (activity) => {
    expect(warned(statusAfter({ activity }))).toBeUndefined();
  });
});
