import { setTimeout as delay } from "node:timers/promises";
import { step } from "@amalthea/cluster";

/** A release of a chart. */
export type Release = {
  readonly name: string;
  readonly namespace: string;
  /** How long helm waits for its pods. */
  readonly timeoutSeconds: number;
};

/** What settling a release needs. */
export type ReleaseCluster = {
  /** Whether the cluster is ours, so that the record of a dead helm may be removed. */
  readonly isOurs: boolean;
  /** Runs kubectl and returns what it printed. */
  readonly kubectl: (args: readonly string[]) => Promise<string>;
};

type ReleaseRecord = { readonly metadata: { readonly creationTimestamp: string } };

const PENDING = "status in (pending-install,pending-upgrade,pending-rollback)";

/**
 * Helm refuses a release with a pending operation. A running one is waited for, as after a start that was killed; one
 * that has exceeded its own timeout is dead, and in a cluster of ours its record is removed.
 */
export async function settlePendingRelease(
  { isOurs, kubectl }: ReleaseCluster,
  { namespace, name, timeoutSeconds }: Release,
  signal: AbortSignal,
): Promise<void> {
  const records = ["secret", "--namespace", namespace, "--selector", `owner=helm,name=${name},${PENDING}`];
  const pendingRecords = async (): Promise<readonly ReleaseRecord[]> => {
    const list = await kubectl(["get", ...records, "-o", "json"]);
    return (JSON.parse(list) as { readonly items: readonly ReleaseRecord[] }).items; // kubectl prints a List
  };
  const isDead = ({ metadata }: ReleaseRecord): boolean =>
    Date.now() - Date.parse(metadata.creationTimestamp) >= timeoutSeconds * 1000;
  if ((await pendingRecords()).length === 0) return;
  await step(console.log, `earlier installation of ${name} over`, async (waitingFor) => {
    waitingFor("the helm of another start");
    for (let pending = await pendingRecords(); pending.length > 0; pending = await pendingRecords()) {
      if (pending.every(isDead)) return isOurs ? void (await kubectl(["delete", ...records])) : undefined;
      await delay(1000, undefined, { signal });
    }
  });
}
