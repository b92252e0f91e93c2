import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { kinds } from "@amalthea/kube";
import { FakeClock } from "@amalthea/kube/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Leadership } from "../../../controller/src/operator/leadership.ts";
import { FORCED_EXIT_MS } from "../../../controller/src/operator/stop-times.ts";
import { silentLogger } from "../../../kube/src/logger.ts";
import { FaultProxy, type Seen } from "../kube/fault-proxy.ts";
import { clientOf, forever } from "../kube/fixture.ts";
import { startOperator } from "./operator.ts";
import { eventually, User } from "./servers.ts";
import { renderChart, startWorld, type World } from "./world.ts";

/** More than the controller has workers, or its client connections. */
const SERVERS = 20;

let world: World;

beforeAll(async () => {
  world = await startWorld([], { controllerManager: false });
});

afterAll(() => world?.stop());

/** The world with this address for its API server. */
function worldAt(url: string): World {
  const controllerKubeconfig = `${world.controllerKubeconfig}-elsewhere`;
  const text = readFileSync(world.controllerKubeconfig, "utf8").replace(world.cluster.url, url);
  writeFileSync(controllerKubeconfig, text, { mode: 0o600 });
  return { ...world, controllerKubeconfig };
}

const isAbout = (part: string, { url }: Seen): boolean => url.pathname.includes(part);
const isWrite = (part: string, request: Seen): boolean =>
  ["POST", "PATCH"].includes(request.method) && isAbout(part, request);

/** Lets time go by until this is done, but not while a request for the lease is under way, which has its seconds. */
async function inTime<T>(clock: FakeClock, proxy: FaultProxy, work: Promise<T>): Promise<T> {
  let isDone = false;
  const done = work.finally(() => (isDone = true));
  done.catch(() => undefined); // whoever awaits this sees it
  for (; !isDone; await sleep(5)) {
    const isRenewing = [...proxy.open].some((request) => isAbout("/leases", request));
    if (!isRenewing) await clock.advance(250);
  }
  return await done;
}

async function holder(): Promise<string | undefined> {
  const lease = { namespace: "amalthea", name: "amalthea-controller" };
  return (await world.admin.get(kinds.Lease, lease, forever)).spec?.holderIdentity;
}

async function startProxy(): Promise<FaultProxy> {
  const { url, certificateAuthority: ca } = world.cluster;
  return await FaultProxy.start({ url, ca });
}

it("gives the lease back and ends in the grace period of its pod, though workers, Events and the audit log hang", async () => {
  const folder = mkdtempSync(join(tmpdir(), "audit-log-"));
  const pipe = join(folder, "servers-x_1.json");
  execFileSync("mkfifo", [pipe]); // hangs whoever reads it, as a volume whose server is away
  const audit = { AUDITLOG_ENABLED: "true", AUDITLOG_FOLDER: folder };
  const [clock, proxy] = [new FakeClock(new Date()), await startProxy()];
  let silent = ["/events"];
  proxy.fault = (request) => (silent.some((part) => isWrite(part, request)) ? { kind: "Silence" } : undefined);
  const environment = { LEADER_ELECTION_ENABLED: "true", ...audit };
  const operator = await startOperator(worldAt(proxy.url), { environment, clock });
  try {
    const untilSent = async (part: string): Promise<void> =>
      await eventually(async () => expect([...proxy.open].some((request) => isWrite(part, request))).toBe(true));
    await inTime(clock, proxy, operator.leading);
    const user = new User(world.admin, "amalthea");
    await user.create("alice", { jupyterServer: { hibernated: true } }); // which has an Event
    await inTime(clock, proxy, untilSent("/events"));
    silent = ["/events", "/bob"];
    await user.create("bob");
    await inTime(clock, proxy, untilSent("/bob"));

    const stoppedMs = clock.monotonicMs();
    await inTime(clock, proxy, operator.stop());
    expect(await holder()).toBe("");
    const tookMs = clock.monotonicMs() - stoppedMs;
    expect(tookMs).toBeGreaterThan(15_000); // all of it did hang
    expect(tookMs).toBeLessThan(FORCED_EXIT_MS);
    const deployment = renderChart([]).find(({ kind }) => kind === "Deployment");
    const graceSeconds = deployment?.spec?.template?.spec?.terminationGracePeriodSeconds ?? 0;
    expect(FORCED_EXIT_MS).toBeLessThan(graceSeconds * 1_000);
  } finally {
    closeSync(openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK));
    await proxy[Symbol.asyncDispose]();
    await operator.kill();
    rmSync(folder, { recursive: true });
  }
});

it("gives the lease back though the work of the leader does not end", async () => {
  await using proxy = await startProxy();
  const clock = new FakeClock(new Date());
  const client = clientOf(world.cluster, proxy.url);
  const lease = { namespace: "amalthea", name: "amalthea-controller" };
  const leadership = new Leadership({ lease, client, identity: "endless", clock, logger: silentLogger });
  const [stop, leading] = [new AbortController(), Promise.withResolvers<void>()];
  const endless = async (): Promise<void> => {
    leading.resolve();
    await new Promise(() => {});
  };
  const running = leadership.run(endless, stop.signal);
  await inTime(clock, proxy, leading.promise);
  stop.abort();
  await inTime(clock, proxy, running);
  expect(await holder()).toBe("");
  await client.close();
});

it("stays the leader while every worker waits for a write that nobody answers", async () => {
  const proxy = await startProxy();
  const count = (wanted: string, folder: string): number =>
    proxy.seen.filter(({ method, url: { pathname } }) => method === wanted && pathname.includes(folder)).length;
  const operator = await startOperator(worldAt(proxy.url), { environment: { LEADER_ELECTION_ENABLED: "true" } });
  try {
    await operator.leading;
    // As with an admission webhook that is down: whatever is not written to passes.
    proxy.fault = ({ method }) => (method === "PATCH" ? { kind: "Silence" } : undefined);
    const user = new User(world.admin, "amalthea");
    await Promise.all(Array.from({ length: SERVERS }, (_, index) => user.create(`server-${index}`)));
    await eventually(async () => expect(count("PATCH", "/amalthea/")).toBeGreaterThanOrEqual(16));
    const before = count("PUT", "/leases/");
    // One every 2 seconds: six take longer than a leader may go without.
    const renewals = eventually(async () => expect(count("PUT", "/leases/") - before).toBeGreaterThanOrEqual(6));
    await Promise.race([renewals, operator.finished]);
    expect(count("PUT", "/leases/") - before).toBeGreaterThanOrEqual(6);
  } finally {
    await proxy[Symbol.asyncDispose](); // ends the writes that wait
    await operator.kill();
  }
});
