import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { apply, cluster, kubectl, leaveNamespace, until, useNamespace, waitFor } from "./cluster.ts";
import { sumOfMetric } from "./controller-metrics.ts";
import { Kernel } from "./kernel.ts";
import { inServer, podOf, untilReason, untilRestarted, untilWithout } from "./look.ts";
import { TestServer } from "./server.ts";

let namespace: string;
let server: TestServer;
let kernel: Kernel;
let pod: string;

const resources = { requests: { memory: "256Mi", cpu: "100m" }, limits: { memory: "512Mi", cpu: "1" } };

beforeAll(async () => {
  namespace = await useNamespace("e2e-resize");
  server = new TestServer("resized", namespace);
  await server.apply({ jupyterServer: { resources } });
  await waitFor("jupyterserver/resized", namespace, "condition=Ready");
  pod = await server.podUid();
  const token = await server.token();
  await until(
    () => server.ask("/api/status", token),
    ({ status }) => status === 200,
  );
  kernel = await Kernel.start(server);
  await kernel.run("answer = 41");
});

afterAll(() => leaveNamespace(namespace));

/** Resizes that ended so, of all servers. */
const resizes = (result: string): Promise<number> => sumOfMetric("amalthea_resizes_total", { result });

/** Waits until one more has. */
async function untilCounted(result: string, before: number): Promise<void> {
  await until(
    () => resizes(result),
    (count) => count > before,
  );
}

/** Limits as the kernel of the operating system enforces them, in bytes and thousandths of a CPU; both cgroup versions. */
async function limits(): Promise<{ readonly memory: string; readonly cpu: string }> {
  const memory = "cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes";
  const cpu = "cut -d' ' -f1 /sys/fs/cgroup/cpu.max 2>/dev/null || cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us";
  return { memory: await inServer(server, memory), cpu: await inServer(server, cpu) };
}

/** Waits until the container may use so much of a CPU; without a limit cgroups say "max" or -1. */
async function untilCpu(limit: string): Promise<void> {
  await until(limits, ({ cpu }) => cpu.replace("-1", "max") === limit);
}

async function restart(): Promise<void> {
  const before = await server.podUid();
  await kubectl(["rollout", "restart", "statefulset/resized", "-n", namespace]);
  await untilRestarted(server, before);
}

async function resize(change: object): Promise<void> {
  await server.patch({ spec: { jupyterServer: { resources: change } } });
}

async function expectKernelUntouched(): Promise<void> {
  expect(await kernel.siblings()).toContain(kernel.id);
  expect(await kernel.run("answer += 1; print(answer)")).toMatch(/^\d+$/);
  expect(await server.podUid()).toBe(pod);
  expect((await podOf(server))?.status.containerStatuses).toMatchObject([{ restartCount: 0, ready: true }]);
}

describe("resources of a running server", () => {
  it("change in place: the kernel keeps its id and its variables, the container gets the new limits", async () => {
    expect(await limits()).toEqual({ memory: String(512 * 1024 ** 2), cpu: "100000" });
    const completed = await resizes("Completed");
    await resize({ limits: { memory: "768Mi", cpu: "500m" }, requests: { memory: "300Mi" } });
    await until(limits, ({ memory, cpu }) => memory === String(768 * 1024 ** 2) && cpu === "50000");
    expect(await kernel.run("answer += 1; print(answer)")).toBe("42");
    await expectKernelUntouched();
    await untilCounted("Completed", completed);
    expect(await server.condition("Ready")).toMatchObject({ status: "True" });
    expect(await server.condition("UpdatePending")).toBeUndefined();
  });

  it("that no node has wait, with the node's reason", async () => {
    const infeasible = await resizes("Infeasible");
    await resize({ limits: { memory: "9000Gi" }, requests: { memory: "9000Gi" } });
    const { message } = (await untilReason(server, "UpdatePending", "ResizeInfeasible")) ?? {};
    expect(message).toMatch(/capacity/i);
    await untilCounted("Infeasible", infeasible);
    await expectKernelUntouched();
    await resize({ limits: { memory: "768Mi" }, requests: { memory: "300Mi" } });
    await untilWithout(server, "UpdatePending");
  });

  it.each([
    { what: "without a limit that it had", change: { limits: { cpu: null } }, detail: "limits.cpu was removed" },
    {
      what: "of another quality of service",
      change: { limits: { cpu: "1", memory: "300Mi" }, requests: { cpu: "1", memory: "300Mi" } },
      detail: "quality-of-service",
    },
    { what: "with a GPU", change: { limits: { "nvidia.com/gpu": "1" } }, detail: "nvidia.com/gpu" },
  ])("$what wait for the next start", async ({ change, detail }) => {
    await resize(change);
    const condition = await until(
      () => server.condition("UpdatePending"),
      (current) => current?.message.includes(detail) === true,
    );
    expect(condition?.message).toContain("jupyterServer.resources");
    await expectKernelUntouched();
    await resize({
      limits: { memory: "768Mi", cpu: "500m", "nvidia.com/gpu": null },
      requests: { memory: "300Mi", cpu: "100m" },
    });
    await untilWithout(server, "UpdatePending");
  });

  it.skipIf(cluster.namespace !== undefined)("over a quota wait, and follow when it grows", async () => {
    const quota = (memory: string): object => ({
      apiVersion: "v1",
      kind: "ResourceQuota",
      metadata: { name: "memory", namespace },
      spec: { hard: { "limits.memory": memory } },
    });
    await apply(quota("1Gi"));
    await waitFor("resourcequota/memory", namespace, "jsonpath={.status.used.limits\\.memory}=768Mi");
    await resize({ limits: { memory: "1200Mi" } });
    const condition = await until(
      () => server.condition("UpdatePending"),
      (current) => current?.message.includes("exceeded quota") === true,
    );
    expect(condition?.message).toContain("jupyterServer.resources");
    expect(await server.condition("Ready")).toMatchObject({ status: "True" });
    await apply(quota("2Gi"));
    await until(limits, ({ memory }) => memory === String(1200 * 1024 ** 2));
    await untilWithout(server, "UpdatePending");
    await untilWithout(server, "Stalled");
    await expectKernelUntouched();
    await kubectl(["delete", "resourcequota", "memory", "-n", namespace]);
  });

  it("that came in place and are taken back wait for the next start", async () => {
    await resize({ limits: { cpu: null } });
    await restart();
    await untilCpu("max");
    await resize({ limits: { cpu: "1" } });
    await untilCpu("100000");
    pod = await server.podUid();
    await resize({ limits: { cpu: null } });
    const { message } = (await untilReason(server, "UpdatePending", "ChangesWaiting")) ?? {};
    expect(message).toContain("limits.cpu was removed");
    expect(await server.podUid()).toBe(pod);
    await restart();
    await untilCpu("max");
    await untilWithout(server, "UpdatePending");
  });
});
