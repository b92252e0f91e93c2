import { SERVER_KIND } from "../controller/src/kinds.ts";
import { type AuditedCall, describeCalls, readsAmong, writesAmong } from "./audit-log.ts";
import type { RealCluster } from "./real-cluster.ts";
import type { Measurement } from "./report.ts";

const NAMESPACE = "default";

/** A token-mode server with a volume, as a user writes it. */
export function aServer(name: string, image: string): object {
  return {
    apiVersion: SERVER_KIND.apiVersion,
    kind: SERVER_KIND.kind,
    metadata: { name, namespace: NAMESPACE },
    spec: {
      jupyterServer: { image },
      routing: { host: "localhost", path: `/${name}` },
      storage: { size: "1Gi", pvc: { enabled: true } },
    },
  };
}

/** What the controller calls in the life of one server on a real kubelet. */
export async function callsOfOneServer(cluster: RealCluster): Promise<readonly Measurement[]> {
  const { kubectl, log, jupyterImage } = cluster;
  const server = "jupyterserver/calls";
  const waitFor = (condition: string): Promise<string> =>
    kubectl(["wait", server, `--for=${condition}`, "--timeout=5m"]);
  const callsOf = async (change: () => Promise<unknown>): Promise<readonly AuditedCall[]> => {
    const before = (await log.calls()).length;
    await change();
    return await log.whenQuiet(before);
  };

  const creation = await callsOf(async () => {
    await kubectl(["apply", "-f", "-"], aServer("calls", jupyterImage));
    await waitFor("condition=Ready");
  });
  const label = await callsOf(() => kubectl(["label", server, "team=blue"]));
  const hibernation = await callsOf(async () => {
    await kubectl(["patch", server, "--type=merge", "-p", hibernated(true)]);
    await waitFor("jsonpath={.status.state}=hibernated");
  });
  const resumption = await callsOf(async () => {
    await kubectl(["patch", server, "--type=merge", "-p", hibernated(false)]);
    await waitFor("condition=Ready");
  });
  const deletion = await callsOf(() => kubectl(["delete", server, "--cascade=foreground"]));

  const children = new Set(ofChildren(creation).map(({ resource }) => resource)).size;
  return [
    ...writes("a new server", creation, children, 3),
    { what: "reads of it that are no watch", measured: readsAmong(creation).length, atMost: 1 },
    // The Secret of a server that runs is left alone.
    ...writes("a changed label", label, children - 1, 1),
    ...writes("a hibernation", hibernation, 2, 2),
    ...writes("the start after it", resumption, 2, 3),
    ...writes("a deletion", deletion, 0, 1),
  ];
}

function hibernated(value: boolean): string {
  return JSON.stringify({ spec: { jupyterServer: { hibernated: value } } });
}

function ofChildren(calls: readonly AuditedCall[]): readonly AuditedCall[] {
  return writesAmong(calls).filter(
    ({ resource, subresource }) => resource !== SERVER_KIND.plural || subresource === undefined,
  );
}

function writes(
  cause: string,
  calls: readonly AuditedCall[],
  atMostObjects: number,
  atMostStatus: number,
): readonly Measurement[] {
  const objects = ofChildren(calls);
  const status = writesAmong(calls).filter((call) => !objects.includes(call));
  return [
    {
      what: `writes of objects for ${cause}`,
      measured: objects.length,
      atMost: atMostObjects,
      detail: describeCalls(objects),
    },
    { what: `writes of status for ${cause}`, measured: status.length, atMost: atMostStatus },
  ];
}
