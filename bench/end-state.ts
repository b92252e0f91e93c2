import type { KubeObject } from "@amalthea/kube";
import type { StatefulSet } from "kubernetes-types/apps/v1.js";

/** What the bench changes of a server. */
export type ServerSpec = {
  /** A label, which every child carries as well. */
  readonly team: string | undefined;
  readonly hibernated: boolean;
  /** Undefined: the default one. */
  readonly image: string | undefined;
};

type Server = KubeObject & {
  readonly metadata?: { readonly generation?: number };
  readonly status?: { readonly state?: string; readonly observedGeneration?: number };
};

/** Secrets are read only while their server has no ready pod, so a label reaches them later. */
const FOLLOWS_LATER = "Secret";

/**
 * Every object that is not as the specs say, in words.
 *
 * @param children kind → all objects of that kind
 */
export function differences(
  expected: ReadonlyMap<string, ServerSpec>,
  servers: readonly KubeObject[],
  children: ReadonlyMap<string, readonly KubeObject[]>,
): readonly string[] {
  const found = [...statesNotAs(expected, servers)];
  for (const [kind, objects] of children) {
    const byName = new Map(objects.map((object) => [object.metadata?.name, object]));
    for (const [name, spec] of expected) {
      const child = byName.get(name);
      if (child === undefined) found.push(`${kind} ${name} is missing`);
      else found.push(...childNotAs(spec, kind, child));
    }
    const foreign = objects.filter(
      ({ metadata }) => metadata?.ownerReferences !== undefined && !expected.has(metadata.name ?? ""),
    );
    found.push(...foreign.map(({ metadata }) => `${kind} ${metadata?.name} is left over`));
  }
  return found;
}

function statesNotAs(expected: ReadonlyMap<string, ServerSpec>, servers: readonly KubeObject[]): readonly string[] {
  const byName = new Map(servers.map((server) => [server.metadata?.name ?? "", server as Server]));
  const foreign = [...byName.keys()]
    .filter((name) => !expected.has(name))
    .map((name) => `server ${name} is still there`);
  const differing = [...expected].flatMap(([name, { hibernated }]) => {
    const { metadata, status } = byName.get(name) ?? {};
    const state = hibernated ? "hibernated" : "running";
    if (status?.state !== state) return [`server ${name} is ${status?.state} instead of ${state}`];
    return status.observedGeneration === metadata?.generation
      ? []
      : [`server ${name} is not seen in its last generation`];
  });
  return [...foreign, ...differing];
}

function childNotAs(spec: ServerSpec, kind: string, child: KubeObject): readonly string[] {
  const name = child.metadata?.name;
  const found: string[] = [];
  const team = child.metadata?.labels?.["team"];
  if (team !== spec.team && kind !== FOLLOWS_LATER)
    found.push(`${kind} ${name} has the label ${team} instead of ${spec.team}`);
  if (kind !== "StatefulSet") return found;
  const { replicas, template } = (child as StatefulSet).spec ?? {}; // that is its kind
  const wanted = spec.hibernated ? 0 : 1;
  if (replicas !== wanted) found.push(`${kind} ${name} has ${replicas} replicas instead of ${wanted}`);
  const image = template?.spec?.containers[0]?.image;
  if (spec.image !== undefined && image !== spec.image)
    found.push(`${kind} ${name} has the image ${image} instead of ${spec.image}`);
  return found;
}
