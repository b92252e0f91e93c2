import { createClient, fenced, kinds, LeaderElection, LeadershipLostError, readKubeConfig } from "@amalthea/kube";

// A candidate for leader-election.test.ts: says "leads", writes its name until it is told to end, and exits with 3 when
// leadership was lost. Arguments: kubeconfig, namespace, identity, times of the election as JSON.

const [kubeconfig = "", namespace = "", identity = "", times = "{}"] = process.argv.slice(2);
const client = createClient({ config: await readKubeConfig(kubeconfig), userAgent: `${identity}/1` });
const election = new LeaderElection({ client, lease: { namespace, name: "leader" }, identity, ...JSON.parse(times) });
const ourselves = fenced(client, () => election.isLeader());
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());

async function write(): Promise<void> {
  await election.acquired;
  process.stdout.write("leads\n");
  while (!stop.signal.aborted) {
    const data = { writer: identity, at: String(performance.now()) };
    const patch = { kind: "Merge", body: { data } } as const;
    // Refused by the fence or by the server: the next one may be better. The election tells when it is over.
    await ourselves.patch(kinds.ConfigMap, { namespace, name: "log" }, patch, {}, stop.signal).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

void write();
try {
  await election.run(stop.signal);
  process.exit(0);
} catch (error) {
  process.exit(error instanceof LeadershipLostError ? 3 : 1);
}
