import { withReadableStatus } from "../decide/effective-server.ts";
import { isPathWithin, normalizePath, routeOf } from "@amalthea/api";
import type { JupyterServer } from "@amalthea/api";
import type { HostAndPath } from "../decide/live/observed.ts";

/** A server with what decides between two that ask for one route. */
type Candidate = {
  readonly key: string;
  readonly namespace: string;
  readonly created: string;
  readonly uid: string;
  /** Why something is refused to it; names the server that has a route it waits for. */
  readonly stalledBecause: string;
};

type Source = "Spec" | "AddedIngress" | "Pod" | "Ingress";

/** That a server asks for a host and path, or that something of it serves them. */
type Claim = { readonly uid: string; readonly host: string; readonly path: string; readonly by: Source };

/** What an object serves for a server now. */
export type ServedRoutes = {
  /** uid of the server. */
  readonly uid: string;
  readonly routes: readonly HostAndPath[];
  /** The server's own Ingress, one that a patch added, or a pod that was started for a route. */
  readonly by: Exclude<Source, "Spec">;
};

/**
 * How much a server has of a route. Users come through an Ingress, and what patches add counts for less than the server's
 * own; a pod that was started for a route is of use there only. A spec counts for nothing, so that age decides between two
 * of them. Of each source the server has one claim, however many Ingresses there are.
 */
const WEIGHTS: Readonly<Record<Source, number>> = { Spec: 0, Pod: 1, AddedIngress: 2, Ingress: 4 };

/**
 * Which servers ask for which host and path, and which serve them now. Nobody takes requests that another server serves:
 * first come, first served. Hosts are compared in lower case, paths normalised and by whole segments.
 */
export class RouteIndex {
  readonly #candidates = new Map<string, Candidate>();
  readonly #uidByKey = new Map<string, string>();
  /** By what they come from: the uid of a server, an Ingress or a pod. */
  readonly #bySource = new Map<string, readonly Claim[]>();
  /** Claims on one host alone; one for many hosts holds nothing, since any exact host comes before it. */
  readonly #byRoute = new Map<string, Map<string, Set<Claim>>>();
  readonly #byServer = new Map<string, Set<Claim>>();

  /**
   * Takes note of a server's present form, or with undefined that it is gone.
   * @returns keys of the other servers whose answer may have changed by it.
   */
  update(key: string, server: JupyterServer | undefined): readonly string[] {
    const before = this.#uidByKey.get(key);
    const uid = server?.metadata.uid;
    const affected = before === undefined || before === uid ? [] : this.#claim(before, before, []);
    if (before !== undefined && before !== uid) this.#candidates.delete(before);
    if (server === undefined || uid === undefined) {
      this.#uidByKey.delete(key);
      return affected;
    }
    this.#uidByKey.set(key, uid);
    this.#candidates.set(uid, candidateOf(key, server));
    const route = routeOf(server);
    const claims = route === undefined ? [] : claimsOf(uid, [{ ...route, isPattern: false }], "Spec");
    return [...new Set([...affected, ...this.#claim(uid, uid, claims)])];
  }

  /**
   * Takes note of what an Ingress or a pod serves, or with undefined that it serves nothing any more.
   * @returns keys of the other servers whose answer may have changed by it.
   */
  updateServed(objectUid: string, served: ServedRoutes | undefined): readonly string[] {
    if (served === undefined) return this.#claim(objectUid, undefined, []);
    const { uid, routes, by } = served;
    return this.#claim(objectUid, uid, claimsOf(uid, routes, by));
  }

  /**
   * The other server that has this server's route, as `namespace/name`; undefined if none. Whoever serves it keeps it; of
   * two that do not, or both do, the older one has it (by creation, then by uid). A route within the route of a server in
   * another namespace is its, too, and so is one that would lie around it; within one namespace routes may be nested.
   */
  holderBefore(server: JupyterServer): string | undefined {
    const route = routeOf(server);
    if (route === undefined) return undefined;
    const self = candidateOf("", server);
    const [host, path] = [hostKey(route.host), normalizePath(route.path)];
    return this.#sameRouteHolder(self, host, path) ?? this.#nestedHolder(self, host, path);
  }

  /**
   * The other server whose requests a rule of an Ingress, other than the one for the server's own route, would take, as
   * `namespace/name`; undefined if there is none, and for what the server serves already. A rule that takes no host's
   * requests in particular, and one that lies around others' routes, is refused beside servers of another namespace.
   */
  takenBy(server: JupyterServer, rule: HostAndPath): string | undefined {
    const self = candidateOf("", server);
    const [host, path] = [hostKey(rule.host), normalizePath(rule.path)];
    if (!rule.isPattern && this.#serves(self.uid, host, path)) return undefined;
    for (const claim of this.#claimsOnHosts(rule.host)) {
      const other = this.#other(claim, self);
      if (other === undefined) continue;
      // What asks and is refused has nothing; it would keep everybody off a host.
      if (claim.by === "Spec" && other.stalledBecause !== "") continue;
      const takes = rule.isPattern || isPathWithin(path, claim.path);
      const covers = isPathWithin(claim.path, path) && other.namespace !== self.namespace;
      if (takes || covers) return other.key;
    }
    return undefined;
  }

  #sameRouteHolder(self: Candidate, host: string, path: string): string | undefined {
    const weights = this.#weightsOn(host, path);
    let first = self;
    for (const rival of weights.keys()) {
      const candidate = this.#candidates.get(rival);
      if (candidate !== undefined && rival !== self.uid && precedes(candidate, first, weights)) first = candidate;
    }
    return first === self ? undefined : first.key;
  }

  /** A spec alone holds nothing around it or within it: nobody could start beside one that asks for `/` and is refused it. */
  #nestedHolder(self: Candidate, host: string, path: string): string | undefined {
    if (this.#serves(self.uid, host, path)) return undefined;
    for (const claim of this.#claimsOnHost(host)) {
      const other = claim.by === "Spec" ? undefined : this.#other(claim, self);
      if (other === undefined || other.namespace === self.namespace || claim.path === path) continue;
      if (isPathWithin(path, claim.path) || isPathWithin(claim.path, path)) return other.key;
    }
    return undefined;
  }

  #serves(uid: string, host: string, path: string): boolean {
    const own = this.#byServer.get(uid) ?? [];
    return [...own].some((claim) => claim.by !== "Spec" && claim.host === host && claim.path === path);
  }

  #other({ uid }: Claim, self: Candidate): Candidate | undefined {
    return uid === self.uid ? undefined : this.#candidates.get(uid);
  }

  /** Claims on the hosts that a rule is for. */
  *#claimsOnHosts(host: string | undefined): Generator<Claim> {
    if (isOneHost(hostKey(host))) {
      yield* this.#claimsOnHost(hostKey(host));
      return;
    }
    const suffix = host === undefined ? "" : hostKey(host).slice(1);
    for (const other of this.#byRoute.keys()) if (other.endsWith(suffix)) yield* this.#claimsOnHost(other);
  }

  *#claimsOnHost(host: string): Generator<Claim> {
    for (const claims of this.#byRoute.get(host)?.values() ?? []) yield* claims;
  }

  #claimsOn(host: string, path: string): Iterable<Claim> {
    return this.#byRoute.get(host)?.get(path) ?? [];
  }

  #weightsOn(host: string, path: string): ReadonlyMap<string, number> {
    const sources = new Map<string, Set<Source>>();
    for (const claim of this.#claimsOn(host, path)) {
      sources.set(claim.uid, (sources.get(claim.uid) ?? new Set()).add(claim.by));
    }
    const sum = (by: ReadonlySet<Source>): number => [...by].reduce((total, one) => total + WEIGHTS[one], 0);
    return new Map([...sources].map(([uid, by]) => [uid, sum(by)]));
  }

  /** Puts what one source claims in place of what it claimed before. @returns keys of the other servers concerned. */
  #claim(source: string, ownUid: string | undefined, claims: readonly Claim[]): readonly string[] {
    const before = this.#bySource.get(source) ?? [];
    if (isSame(before, claims)) return [];
    for (const claim of before) this.#drop(claim);
    for (const claim of claims) this.#add(claim);
    if (claims.length === 0) this.#bySource.delete(source);
    else this.#bySource.set(source, claims);
    const concerned = [...before, ...claims].flatMap((claim) => this.#rivalsOf(claim));
    const waiting = [...new Set(before.map(({ uid }) => uid))].flatMap((uid) => this.#waitingFor(uid));
    const others = [...new Set([...concerned, ...waiting])].filter((uid) => uid !== ownUid);
    return others.flatMap((uid) => this.#candidates.get(uid)?.key ?? []);
  }

  /** uids of the servers that claim the very same route. */
  #rivalsOf({ host, path }: Claim): readonly string[] {
    return [...this.#claimsOn(host, path)].map(({ uid }) => uid);
  }

  /** uids of the servers that were refused something because of this one. */
  #waitingFor(uid: string): readonly string[] {
    const key = this.#candidates.get(uid)?.key;
    if (key === undefined) return [];
    return [...this.#candidates.values()]
      .filter(({ stalledBecause }) => stalledBecause.includes(key))
      .map((one) => one.uid);
  }

  #add(claim: Claim): void {
    addTo(this.#byServer, claim.uid, claim);
    if (!isOneHost(claim.host)) return;
    const paths = this.#byRoute.get(claim.host) ?? new Map<string, Set<Claim>>();
    this.#byRoute.set(claim.host, addTo(paths, claim.path, claim));
  }

  #drop(claim: Claim): void {
    dropFrom(this.#byServer, claim.uid, claim);
    const paths = this.#byRoute.get(claim.host);
    if (paths === undefined) return;
    dropFrom(paths, claim.path, claim);
    if (paths.size === 0) this.#byRoute.delete(claim.host);
  }
}

function isOneHost(host: string): boolean {
  return host !== "" && !host.startsWith("*.");
}

function addTo(index: Map<string, Set<Claim>>, key: string, claim: Claim): Map<string, Set<Claim>> {
  return index.set(key, (index.get(key) ?? new Set()).add(claim));
}

function dropFrom(index: Map<string, Set<Claim>>, key: string, claim: Claim): void {
  const claims = index.get(key);
  claims?.delete(claim);
  if (claims?.size === 0) index.delete(key);
}

function candidateOf(key: string, server: JupyterServer): Candidate {
  const { metadata, status } = withReadableStatus(server); // a status of 0.24 may hold anything
  return {
    key,
    namespace: metadata.namespace,
    created: metadata.creationTimestamp,
    uid: metadata.uid,
    stalledBecause: status?.conditions?.find(({ type }) => type === "Stalled")?.message ?? "",
  };
}

function claimsOf(uid: string, routes: readonly HostAndPath[], by: Source): readonly Claim[] {
  return routes.map(({ host, path }) => ({ uid, host: hostKey(host), path: normalizePath(path), by }));
}

function isSame(left: readonly Claim[], right: readonly Claim[]): boolean {
  if (left.length !== right.length) return false;
  return left.every((claim, index) => {
    const other = right[index];
    return claim.host === other?.host && claim.path === other.path && claim.uid === other.uid && claim.by === other.by;
  });
}

/** Empty for a rule without a host. */
function hostKey(host: string | undefined): string {
  return (host ?? "").toLowerCase();
}

/** Timestamps of the API server have one format and one zone, so their text sorts like the time. */
function precedes(left: Candidate, right: Candidate, weights: ReadonlyMap<string, number>): boolean {
  const [leftWeight, rightWeight] = [weights.get(left.uid) ?? 0, weights.get(right.uid) ?? 0];
  if (leftWeight !== rightWeight) return leftWeight > rightWeight;
  return left.created === right.created ? left.uid < right.uid : left.created < right.created;
}
