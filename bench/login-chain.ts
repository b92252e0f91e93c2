import { step } from "@amalthea/cluster";
import { byPart, cpuFigures, latencyFigures, type CpuPerRequest, SIDECARS, type Way } from "./login-figures.ts";
import { activityTarget, type LoginServer, startLoginServer, targetOf } from "./login-server.ts";
import { PodClient } from "./pod-client.ts";
import type { RealCluster } from "./real-cluster.ts";
import type { Measurement } from "./report.ts";

const WAYS: readonly Way[] = ["direct", "singleProxy", "chain"];

/** Processor time: in each round every way has the pod for itself for a while. */
const CPU = { rounds: 6, requests: 300, connections: 8 } as const;

/** Times: the ways take turns request by request. */
const LATENCY = { rounds: 400, connections: 1 } as const;

/** Whoever is asked first compiles first. */
const WARM_UP_ROUNDS = 100;

/** Milliseconds; Jupyter's three answers included. */
const QUESTION_AT_MOST = 5;

/** What the containers of the chain may take from a node for each server, in MiB. */
const PRIVATE_AT_MOST = 45;

/**
 * What a request costs by our chain, by a single proxy with a list of e-mail addresses, and without any: all three lead
 * to the same Jupyter, and are asked from inside its pod.
 */
export async function loginChain(cluster: RealCluster, signal: AbortSignal): Promise<readonly Measurement[]> {
  const server = await step(console.log, "two servers behind a login ready", () => startLoginServer(cluster, signal));
  const client = new PodClient(server.usage["jupyter-server"].processes()[0] ?? 0);
  const answers = [
    { what: "a small answer", path: "/api/sessions", isLimited: true },
    { what: "a file of 128 KiB", path: `/files/${server.file}`, isLimited: false },
  ];
  try {
    const measurements: Measurement[] = [];
    for (const { what, path, isLimited } of answers) {
      const title = `processor time for ${what} taken`;
      const cpu = await step(console.log, title, () => cpuPerRequest(server, client, path, signal));
      measurements.push(...cpuFigures(what, cpu, isLimited));
    }
    measurements.push(await step(console.log, "questions asked", () => activityFigure(server, client, signal)));
    for (const { what, path } of answers) {
      const targets = WAYS.map((way) => targetOf(server, way, path));
      const send = (rounds: number): ReturnType<PodClient["run"]> =>
        client.run({ kind: "Requests", targets, ...LATENCY, rounds }, signal);
      measurements.push(...latencyFigures(what, await interleaved(`the time until ${what} taken`, send)));
    }
    const sockets = WAYS.map((way) => targetOf(server, way, `/api/kernels/${server.kernelId}/channels`));
    const ping = (rounds: number): ReturnType<PodClient["run"]> =>
      client.run({ kind: "Pings", targets: sockets, rounds }, signal);
    const what = "the answer to a ping over a WebSocket";
    measurements.push(...latencyFigures(what, await interleaved(`the time until ${what} taken`, ping)));
    return [...measurements, ...memoryOfSidecars(server)];
  } finally {
    client.stop();
  }
}

/** The controller asks one question at a time. */
async function activityFigure(server: LoginServer, client: PodClient, signal: AbortSignal): Promise<Measurement> {
  const ask = async (rounds: number): Promise<unknown> =>
    await client.run({ kind: "Requests", targets: [activityTarget(server)], rounds, connections: 1 }, signal);
  const cpuMs = (): number => Object.values(byPart((part) => server.usage[part].cpuMs())).reduce((a, b) => a + b);
  await ask(WARM_UP_ROUNDS);
  const before = cpuMs();
  await ask(CPU.requests);
  return {
    ...{ what: "processor time of the whole pod for a question about its activity", unit: "ms" },
    ...{ measured: (cpuMs() - before) / CPU.requests, atMost: QUESTION_AT_MOST },
  };
}

/** Milliseconds of each container for a request, by way; the first round warms up and does not count. */
async function cpuPerRequest(
  server: LoginServer,
  client: PodClient,
  path: string,
  signal: AbortSignal,
): Promise<Readonly<Record<Way, CpuPerRequest>>> {
  const nothing = byPart(() => 0);
  const sums: Record<Way, CpuPerRequest> = { direct: nothing, singleProxy: nothing, chain: nothing };
  for (let round = 0; round <= CPU.rounds; round += 1) {
    for (const way of WAYS) {
      const before = byPart((part) => server.usage[part].cpuMs());
      const targets = [targetOf(server, way, path)];
      await client.run({ kind: "Requests", targets, rounds: CPU.requests, connections: CPU.connections }, signal);
      const used = byPart((part) => server.usage[part].cpuMs() - before[part]);
      const sum = sums[way];
      if (round > 0) sums[way] = byPart((part) => sum[part] + used[part] / (CPU.rounds * CPU.requests));
    }
  }
  return sums;
}

/** Milliseconds by way, of rounds in which the ways take turns. */
async function interleaved(
  title: string,
  run: (rounds: number) => Promise<readonly (readonly number[])[]>,
): Promise<Readonly<Record<Way, readonly number[]>>> {
  return await step(console.log, title, async () => {
    await run(WARM_UP_ROUNDS);
    const [direct = [], singleProxy = [], chain = []] = await run(LATENCY.rounds);
    return { direct, singleProxy, chain };
  });
}

function memoryOfSidecars({ usage }: LoginServer): readonly Measurement[] {
  const memories = SIDECARS.map((part) => ({ part, ...usage[part].memory() }));
  return [
    ...memories.flatMap(({ part, private: own, resident }) => [
      { what: `resident memory of ${part} after all this`, measured: resident, unit: "MiB" },
      { what: `that of it which is private`, measured: own, unit: "MiB" },
    ]),
    {
      what: "private memory of the three",
      measured: memories.reduce((sum, memory) => sum + memory.private, 0),
      unit: "MiB",
      atMost: PRIVATE_AT_MOST,
    },
  ];
}
