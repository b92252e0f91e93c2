import { createClient, fenced, kinds, LeaderElection, LeadershipLostError, readKubeConfig } from "@amalthea/kube";

// A candidate for leader-election.test.ts: says "leads", writes its name until it is told to end, and exits with 3 when
// leadership was lost. SIGUSR2 stops it right before a write, while SIGSTOP could come when one is being sent. Arguments:
// kubeconfig, namespace, identity, times of the election as JSON.

const [kubeconfig = "", namespace = "", identity = "", times = "{}"] = process.argv.slice(2);
const client = createClient({ config: await readKubeConfig(kubeconfig), userAgent: `${identity}/1` });
const election = new LeaderElection({ client, lease: { namespace, name: "leader" }, identity, ...JSON.parse(times) });
const ourselves = fenced(client, () => election.isLeader());
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());
let standsStill = false;
process.once("SIGUSR2", () => (standsStill = true));

/** Refused by the fence or by the server: the next one may be better. The election tells when it is over. */
async function writeName(): Promise<void> {
  const data = { writer: identity, at: String(performance.now()) };
  const patch = { kind: "Merge", body: { data } } as const;
  await ourselves.patch(kinds.ConfigMap, { namespace, name: "log" }, patch, {}, stop.signal).catch(() => undefined);
}

async function work(): Promise<void> {
  await election.acquired;
  process.stdout.write("leads\n");
  while (!stop.signal.aborted) {
    if (standsStill) {
      standsStill = false;
      process.kill(process.pid, "SIGSTOP"); // SIGCONT goes on here: with a write, before anything that notices the time
    }
    await writeName();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

void work();
try {
  await election.run(stop.signal);
  process.exit(0);
} catch (error) {
  await writeName(); // as a worker tries that does not know yet
  process.exit(error instanceof LeadershipLostError ? 3 : 1);
}
