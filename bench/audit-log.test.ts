import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AuditLog, describeCalls, METRICS_PODS, readsAmong, writesAmong } from "./audit-log.ts";

const USER = "system:serviceaccount:amalthea:amalthea";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "amalthea-audit-"));
  path = join(folder, "audit.log");
});

afterEach(() => rmSync(folder, { recursive: true }));

function line(
  verb: string,
  resource: string,
  { user = USER, stage = "ResponseComplete", ...more }: { user?: string; stage?: string; apiGroup?: string } = {},
): string {
  const objectRef = { resource, name: "a", ...more };
  return `${JSON.stringify({ stage, verb, user: { username: user }, objectRef, responseStatus: { code: 200 } })}\n`;
}

describe("AuditLog", () => {
  it("knows the finished calls of its user only", async () => {
    const others = [
      line("patch", "services", { user: "system:admin" }),
      line("watch", "pods", { stage: "ResponseStarted" }),
    ];
    writeFileSync(path, [line("patch", "services"), ...others, line("get", "secrets")].join(""));
    const calls = await new AuditLog(path, USER).calls();
    expect(calls.map(({ verb, resource }) => `${verb} ${resource}`)).toEqual(["patch services", "get secrets"]);
  });

  it("tells the usage of pods from the pods", async () => {
    writeFileSync(path, line("list", "pods", { apiGroup: "metrics.k8s.io" }) + line("list", "pods"));
    const calls = await new AuditLog(path, USER).calls();
    expect(calls.map(({ resource }) => resource)).toEqual([METRICS_PODS, "pods"]);
  });

  it("reads on where it stopped, and takes a half-written line when it is whole", async () => {
    const second = line("create", "secrets");
    writeFileSync(path, line("patch", "services") + second.slice(0, 20));
    const log = new AuditLog(path, USER);
    expect(await log.calls()).toHaveLength(1);
    appendFileSync(path, second.slice(20));
    expect((await log.calls()).map(({ resource }) => resource)).toEqual(["services", "secrets"]);
  });

  it("reads a log that is longer than what it takes at once", async () => {
    writeFileSync(path, line("patch", "services").repeat(10_000));
    expect(await new AuditLog(path, USER).calls()).toHaveLength(10_000);
  });

  it("refuses to count when the API server has begun a new file", async () => {
    writeFileSync(path, line("patch", "services").repeat(2));
    const log = new AuditLog(path, USER);
    await log.calls();
    writeFileSync(path, line("patch", "services"));
    await expect(log.calls()).rejects.toThrow("calls are missing");
  });
});

describe("writesAmong and readsAmong", () => {
  it("count neither watches nor the lease, and no Events as writes", async () => {
    const calls = [line("watch", "pods"), line("get", "leases"), line("update", "leases"), line("create", "events")];
    writeFileSync(path, [...calls, line("delete", "services"), line("list", "pods"), line("get", "secrets")].join(""));
    const all = await new AuditLog(path, USER).calls();
    expect(describeCalls(writesAmong(all))).toBe("1 × delete services");
    expect(describeCalls(readsAmong(all))).toBe("1 × list pods, 1 × get secrets");
  });
});

describe("describeCalls", () => {
  it("counts equal calls and says which were refused", () => {
    const call = { verb: "patch", resource: "jupyterservers", subresource: "status", name: "a", code: 200 };
    const text = describeCalls([call, call, { ...call, code: 409 }]);
    expect(text).toBe("2 × patch jupyterservers/status, 1 × patch jupyterservers/status (refused, 409)");
  });
});
