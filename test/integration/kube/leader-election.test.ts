import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { type ControlPlane, startControlPlane } from "@amalthea/cluster";
import { Informer, type KubeClient, keyOf, kinds, LeaderElection, LeadershipLostError } from "@amalthea/kube";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { aNamespace, clientOf, forever, until } from "./fixture.ts";
import { TcpProxy } from "./tcp-proxy.ts";

let controlPlane: ControlPlane;
let direct: KubeClient;
const children: ChildProcess[] = [];

beforeAll(async () => {
  controlPlane = await startControlPlane();
  direct = clientOf(controlPlane);
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});
afterAll(async () => {
  await direct.close();
  await controlPlane.stop();
});

/** Shorter than in a cluster, in the same proportions. */
const times = { leaseDurationMs: 3_000, renewDeadlineMs: 2_000, retryPeriodMs: 400 };

type Candidate = {
  readonly child: ChildProcess;
  readonly leads: Promise<void>;
  readonly exitCode: Promise<number | null>;
};

/** A process of its own that writes its name into a ConfigMap again and again while it leads. */
function candidate(identity: string, namespace: string, electionTimes: object = times): Candidate {
  const program = new URL("leader-process.ts", import.meta.url).pathname;
  const args = [program, controlPlane.kubeconfig, namespace, identity, JSON.stringify(electionTimes)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  const leads = Promise.withResolvers<void>();
  createInterface({ input: child.stdout }).on("line", (line) => (line === "leads" ? leads.resolve() : undefined));
  const exitCode = once(child, "exit").then(([code]) => code as number | null);
  return { child, leads: leads.promise, exitCode };
}

describe("of two processes", () => {
  it("one takes over when the other stands still, which writes nothing when it wakes up, and ends", async () => {
    const namespace = await aNamespace(direct);
    await direct.create(kinds.ConfigMap, { metadata: { namespace, name: "log" }, data: {} }, {}, forever);
    const writers: string[] = [];
    const informer = new Informer({ client: direct, kind: kinds.ConfigMap, namespaces: [namespace] });
    informer.store.subscribe(({ current }) => void writers.push(current?.data?.["writer"] ?? ""));
    const controller = new AbortController();
    const watching = informer.run(controller.signal);

    const first = candidate("first", namespace);
    await first.leads;
    await until(() => writers.includes("first"));
    const second = candidate("second", namespace);
    first.child.kill("SIGUSR2");
    await second.leads;
    first.child.kill("SIGCONT");
    expect(await first.exitCode).toBe(3);

    // A write of the second after the end of the first: whatever the first may have sent has arrived before it.
    const log = keyOf({ namespace, name: "log" });
    const last = informer.store.get(log)?.metadata.resourceVersion;
    const later = Promise.withResolvers<void>();
    informer.store.subscribe(({ current }) =>
      current?.metadata.resourceVersion === last ? undefined : later.resolve(),
    );
    await later.promise;
    const changes = writers.filter((writer, index) => writer !== "" && writer !== writers[index - 1]);
    expect(changes).toEqual(["first", "second"]);
    controller.abort();
    await watching;
  });

  it("one hands over when it ends in good order, long before its lease runs out", async () => {
    const namespace = await aNamespace(direct);
    const aDay = { ...times, leaseDurationMs: 86_400_000 };
    const first = candidate("first", namespace, aDay);
    await first.leads;
    const second = candidate("second", namespace, aDay);
    first.child.kill("SIGTERM");
    await second.leads;
    expect(await first.exitCode).toBe(0);
  });
});

describe("a leader", () => {
  it("ends when the API server cannot be reached for the renew deadline", async () => {
    await using path = await TcpProxy.start(controlPlane.url);
    const client = clientOf(controlPlane, `https://127.0.0.1:${path.port}`);
    const lease = { namespace: await aNamespace(direct), name: "outage" };
    const election = new LeaderElection({ client, lease, identity: "a", ...times });
    const running = election.run(forever);
    await election.acquired;
    path.freeze();
    await expect(running).rejects.toThrow(LeadershipLostError);
    expect(election.isLeader()).toBe(false);
    await client.close();
  });

  it("writes a Lease that kubectl reads", async () => {
    const namespace = await aNamespace(direct);
    const election = new LeaderElection({ client: direct, lease: { namespace, name: "l" }, identity: "me", ...times });
    const controller = new AbortController();
    const running = election.run(controller.signal);
    await election.acquired;
    const { stdout } = await controlPlane.kubectl(["get", "lease", "l", `--namespace=${namespace}`, "--no-headers"]);
    expect(stdout).toMatch(/^l\s+me\s/);
    controller.abort();
    await running;
    const { spec } = await direct.get(kinds.Lease, { namespace, name: "l" }, forever);
    expect(spec).toMatchObject({ holderIdentity: "", leaseDurationSeconds: 1, leaseTransitions: 0 });
  });
});
