import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ClusterError } from "../errors.ts";
import { stateFolder, stateRoot } from "../locations.ts";
import { withLock } from "../lock.ts";
import { run } from "../run.ts";

/** The network between this machine and one node: two addresses, one for each end. */
export type NodeNetwork = {
  /** Number of the network, unique on this machine. */
  readonly index: number;
  readonly hostInterface: string;
  readonly hostAddress: string;
  readonly nodeAddress: string;
  readonly prefixLength: number;
};

/** Networks are taken from here: a private range (RFC 1918) that is rarely in use. */
const firstOctets = "10.213";

/** Network number `index`, of 256 that do not overlap. */
export function nodeNetwork(index: number): NodeNetwork {
  return {
    index,
    hostInterface: `amalthea${index}`,
    hostAddress: `${firstOctets}.${index}.1`,
    nodeAddress: `${firstOctets}.${index}.2`,
    prefixLength: 30,
  };
}

/** The smallest number that no other cluster has and no route of this machine leads to. */
export function smallestFreeIndex(taken: ReadonlySet<number>, routes: readonly string[]): number | undefined {
  const isRouted = (index: number): boolean => routes.some((route) => route.startsWith(`${firstOctets}.${index}.`));
  return Array.from({ length: 256 }, (_, index) => index).find((index) => !taken.has(index) && !isRouted(index));
}

function indexOf(name: string): number | undefined {
  try {
    return Number(readFileSync(join(stateFolder(name), "network"), "utf8"));
  } catch {
    return undefined; // no network was chosen yet
  }
}

function clusterNames(): readonly string[] {
  return readdirSync(stateRoot(), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}

/** The network of a cluster, once it was chosen. */
export function findNetwork(name: string): NodeNetwork | undefined {
  const index = indexOf(name);
  return index === undefined ? undefined : nodeNetwork(index);
}

/** The network of a cluster: chosen at the first time, kept as long as its state folder. */
export async function chooseNetwork(name: string): Promise<NodeNetwork> {
  return await withLock(
    "/run/lock/amalthea-networks.lock",
    () => undefined,
    async () => {
      const known = findNetwork(name);
      if (known !== undefined) return known;
      mkdirSync(stateFolder(name), { recursive: true });
      const taken = new Set(clusterNames().map((other) => indexOf(other) ?? -1));
      const { stdout } = await run("ip", ["-json", "-4", "route", "show", "table", "all"]);
      const routes = (JSON.parse(stdout) as readonly { readonly dst: string }[]).map((route) => route.dst);
      const index = smallestFreeIndex(taken, routes);
      if (index === undefined) throw new ClusterError(`All networks in ${firstOctets}.0.0/16 are in use here.`);
      writeFileSync(join(stateFolder(name), "network"), String(index));
      return nodeNetwork(index);
    },
  );
}

/** Whether a network namespace has a default route, in the text of /proc/PID/net/route: made last, it says all is there. */
export function hasDefaultRoute(table: string): boolean {
  return table.split("\n").some((line) => line.split("\t")[1] === "00000000");
}

/** Joins the network namespace of a process to this machine by a pair of virtual interfaces, unless it is joined. */
export async function connectNode(network: NodeNetwork, pid: number): Promise<void> {
  if (hasDefaultRoute(readFileSync(`/proc/${pid}/net/route`, "utf8"))) return;
  const { hostInterface, hostAddress, nodeAddress, prefixLength } = network;
  const inNode = (...args: string[]): Promise<unknown> => run("nsenter", [`--net=/proc/${pid}/ns/net`, "ip", ...args]);
  await run("ip", ["link", "delete", hostInterface]).catch(() => undefined); // of a node that died a moment ago
  await run("ip", ["link", "add", hostInterface, "type", "veth", "peer", "name", "eth0", "netns", String(pid)]);
  await run("ip", ["address", "add", `${hostAddress}/${prefixLength}`, "dev", hostInterface]);
  await run("ip", ["link", "set", hostInterface, "up"]);
  await inNode("address", "add", `${nodeAddress}/${prefixLength}`, "dev", "eth0");
  await inNode("link", "set", "eth0", "up");
  // Service addresses need some route before kube-proxy's rules see the packet.
  await inNode("route", "add", "default", "via", hostAddress);
}

/** Removes what {@link connectNode} made on this machine; the kernel removes the other end with the namespace. */
export async function disconnectNode(network: NodeNetwork): Promise<void> {
  await run("ip", ["link", "delete", network.hostInterface]).catch(() => undefined); // it went with its namespace
}
