import { randomInt } from "node:crypto";
import { buildCluster, ClusterError } from "@amalthea/cluster";
import { reportFailure } from "../scripts/report-failure.ts";
import { faults } from "./faults.ts";
import { hostileNeighbours } from "./hostile-neighbours.ts";
import { idleServers } from "./idle-servers.ts";
import { keptSessions } from "./kept-sessions.ts";
import { loginChain } from "./login-chain.ts";
import { manyServers } from "./many-servers.ts";
import { callsOfOneServer } from "./one-server.ts";
import { randomServers } from "./random-servers.ts";
import { type RealCluster, startRealCluster } from "./real-cluster.ts";
import { startTime } from "./start-time.ts";
import { describeMeasurement, holds, type Measurement } from "./report.ts";

/**
 * `npm run bench [-- NAME ...]`: the numbers we claim, as counts and ratios, so that they mean the same on any machine. The
 * exit code is not 0 if a limit is exceeded.
 */
type Bench = {
  readonly title: string;
  readonly run: (signal: AbortSignal) => Promise<readonly Measurement[]>;
};

/** Seconds for which idle servers are observed; a shorter time proves less. */
const restSeconds = Number(process.env["BENCH_SECONDS"] ?? 120);

/** Of what is random; one that is given repeats a run. */
const seed = Number(process.env["BENCH_SEED"] ?? randomInt(2 ** 31));

const benches: Readonly<Record<string, Bench>> = {
  "one-server": {
    title: "Calls for one server with a volume, on a real kubelet",
    run: async (signal) => callsOfOneServer(await realCluster(signal)),
  },
  "start-time": {
    title: "Time until a server is Ready, on a real kubelet",
    run: async (signal) => startTime(await realCluster(signal)),
  },
  "login-chain": {
    title: "Requests by our login chain, by a single proxy and by none, on a real kubelet",
    run: async (signal) => loginChain(await realCluster(signal), signal),
  },
  "kept-sessions": {
    title: "Memory of sessions that the authorization service keeps",
    run: keptSessions,
  },
  "200-servers": {
    title: "200 servers on nodes simulated by kwok",
    run: (signal) => manyServers({ servers: 200, restSeconds, atMostMebibytes: 100 }, signal),
  },
  "1000-servers": {
    title: "1,000 servers on nodes simulated by kwok",
    run: (signal) => manyServers({ servers: 1000, restSeconds, atMostMebibytes: 200 }, signal),
  },
  "5000-servers": {
    title: "5,000 servers on nodes simulated by kwok",
    run: (signal) => manyServers({ servers: 5000, restSeconds, atMostMebibytes: 400 }, signal),
  },
  "idle-servers": {
    title: "500 idle servers an hour before their limit, and when all reach it in the same second",
    run: (signal) => idleServers({ servers: 500, restSeconds }, signal),
  },
  "hostile-neighbours": {
    title: "200 servers beside thousands of hostile objects of another namespace",
    run: hostileNeighbours,
  },
  faults: {
    title: "Changes while the API server fails",
    run: faults,
  },
  "random-servers": {
    title: "10,000 random servers that follow the schema of the CRD",
    run: (signal) => randomServers({ servers: 10_000, seed }, signal),
  },
};

/** Started for the first bench that wants it, and kept for the others. */
let startedCluster: RealCluster | undefined;

async function realCluster(signal: AbortSignal): Promise<RealCluster> {
  startedCluster ??= await startRealCluster(signal);
  return startedCluster;
}

const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => interrupted.abort());

async function main(signal: AbortSignal): Promise<boolean> {
  const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(benches);
  const chosen = names.map((name) => {
    const bench = benches[name];
    if (bench === undefined)
      throw new ClusterError(`There is no bench "${name}": choose among ${Object.keys(benches).join(", ")}`);
    return bench;
  });
  await buildCluster(console.log, signal);
  const kept: boolean[] = [];
  for (const { title, run } of chosen) {
    console.log(`\n${title} ...`);
    const measurements = await run(signal);
    for (const measurement of measurements) console.log(describeMeasurement(measurement));
    kept.push(...measurements.map(holds));
  }
  const broken = kept.filter((isKept) => !isKept).length;
  console.log(`\n${kept.length - broken} of ${kept.length} figures are within their limits.`);
  return broken === 0;
}

try {
  if (!(await main(interrupted.signal))) process.exitCode = 1;
} catch (error) {
  reportFailure(error);
} finally {
  await startedCluster?.down();
}
