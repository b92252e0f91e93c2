import { isDeepStrictEqual } from "node:util";
import { normalizePath, routeHolderIn, routeOf } from "@amalthea/api";
import type { JupyterServer } from "@amalthea/api";
import { withReadableStatus } from "../decide/effective-server.ts";
import type { HostAndPath } from "../decide/live/observed.ts";
import { ageOf } from "../decide/values/time.ts";
import { type Claim, HostRoutes, type PathClaims, type Source } from "./host-routes.ts";

/** A server with what decides between two that request the same route. */
type Candidate = {
  readonly key: string;
  readonly namespace: string;
  /** Namespace and uid: what another namespace's objects say of a uid is not about this server. */
  readonly owner: string;
  readonly age: string;
  /** Whether something is refused to it. */
  readonly isRefused: boolean;
  /** Key of the server that has the route it requests. */
  readonly waitsFor: string | undefined;
};

/** What an object serves for a server now. */
export type ServedRoutes = {
  /** Namespace of the object. */
  readonly namespace: string;
  /** uid of the server. */
  readonly uid: string;
  readonly routes: readonly HostAndPath[];
  /** The server's own Ingress, one that a patch added, or a pod that was started for a route. */
  readonly by: Exclude<Source, "Spec">;
};

/**
 * How much a server has of a route. Users come through an Ingress, and what patches add counts for less than the
 * server's own; a pod that was started for a route is of use there only. A spec counts for nothing, so that age decides
 * between two of them. Of each source the server has one claim, however many Ingresses there are.
 */
const WEIGHTS: Readonly<Record<Source, number>> = { Spec: 0, Pod: 1, AddedIngress: 2, Ingress: 4 };

/**
 * Which servers request which host and path, and which serve them now. No server takes over requests that another one
 * serves: first come, first served. Hosts are compared in lower case, paths normalised and by whole segments.
 *
 * The cost of a change or a query does not grow with the number of servers, unless they compete for the same route or
 * the rule is for many hosts.
 */
export class RouteIndex {
  /** By owner. */
  readonly #candidates = new Map<string, Candidate>();
  readonly #ownerByKey = new Map<string, string>();
  /** By key of the server that they wait for: the owners that are refused a route because of it. */
  readonly #waiting = new Map<string, Set<string>>();
  /** By what they come from: the owner itself, or the uid of an Ingress or a pod. */
  readonly #bySource = new Map<string, readonly Claim[]>();
  /** Claims on one host alone; one for many hosts holds nothing, since any exact host comes before it. */
  readonly #byHost = new Map<string, HostRoutes>();
  /** By owner: how many of its objects serve a route, by host and path. */
  readonly #servedBy = new Map<string, Map<string, number>>();

  /**
   * Records a server's current form, or with undefined that it is gone.
   * @returns keys of the other servers whose result may have changed.
   */
  update(key: string, server: JupyterServer | undefined): readonly string[] {
    const before = this.#ownerByKey.get(key);
    const self = server === undefined ? undefined : candidateOf(key, server);
    const affected = before === undefined || before === self?.owner ? [] : this.#forget(before);
    if (server === undefined || self === undefined) {
      this.#ownerByKey.delete(key);
      return affected;
    }
    this.#ownerByKey.set(key, self.owner);
    this.#know(self);
    const route = routeOf(server);
    const claims = route === undefined ? [] : claimsOf(self, [{ ...route, isPattern: false }], "Spec");
    return [...new Set([...affected, ...this.#claim(self.owner, self.owner, claims)])];
  }

  /**
   * Records what an Ingress or a pod serves, or with undefined that it no longer serves anything.
   * @returns keys of the other servers whose result may have changed.
   */
  updateServed(objectUid: string, served: ServedRoutes | undefined): readonly string[] {
    if (served === undefined) return this.#claim(objectUid, undefined, []);
    const { namespace, uid, routes, by } = served;
    const owner = ownerOf(namespace, uid);
    return this.#claim(objectUid, owner, claimsOf({ owner, namespace, age: "", isRefused: false }, routes, by));
  }

  /**
   * The other server that has this server's route, as `namespace/name`; undefined if none. The server that serves it
   * keeps it; of two that do not, or both do, the older one has it (by creation, then by uid). A route within the route
   * of a server in another namespace is its, too, and so is one that would lie around it; within one namespace routes
   * may be nested.
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
   * requests in particular, and one that contains others' routes, is refused if those are servers of another namespace.
   */
  takenBy(server: JupyterServer, rule: HostAndPath): string | undefined {
    const self = candidateOf("", server);
    const [host, path] = [hostKey(rule.host), normalizePath(rule.path)];
    if (!rule.isPattern && this.#serves(self.owner, host, path)) return undefined;
    for (const routes of this.#hostsOf(host)) {
      const holder =
        this.#firstOther(self, activeIn(rule.isPattern ? routes.all() : routes.around(path)), () => true) ??
        this.#firstOther(self, activeIn(routes.within(path)), ({ namespace }) => namespace !== self.namespace);
      if (holder !== undefined) return holder;
    }
    return undefined;
  }

  #firstOther(self: Candidate, claims: Iterable<Claim>, counts: (claim: Claim) => boolean): string | undefined {
    for (const claim of claims) {
      const other = claim.owner === self.owner || !counts(claim) ? undefined : this.#candidates.get(claim.owner);
      if (other !== undefined) return other.key;
    }
    return undefined;
  }

  #sameRouteHolder(self: Candidate, host: string, path: string): string | undefined {
    const claims = this.#byHost.get(host)?.at(path);
    if (claims === undefined) return undefined;
    const weights = weightsIn(claims);
    const first = this.#firstOf(claims, weights);
    if (first === undefined || first.owner === self.owner || precedes(self, first, weights)) return undefined;
    return first.key;
  }

  /** The holder of a route, of all that claim it. */
  #firstOf(claims: PathClaims, weights: ReadonlyMap<string, number>): Candidate | undefined {
    const ownersByAge = [...weights.keys(), claims.oldestSpec?.owner ?? ""];
    return ownersByAge
      .flatMap((owner) => this.#candidates.get(owner) ?? [])
      .reduce<Candidate | undefined>(
        (first, one) => (first === undefined || precedes(one, first, weights) ? one : first),
        undefined,
      );
  }

  /**
   * A spec alone holds nothing around it or within it: otherwise one that requests `/` and is refused would block every
   * other server of its host.
   */
  #nestedHolder(self: Candidate, host: string, path: string): string | undefined {
    const routes = this.#byHost.get(host);
    if (routes === undefined || this.#serves(self.owner, host, path)) return undefined;
    const counts = (claim: Claim): boolean => claim.namespace !== self.namespace && claim.path !== path;
    return (
      this.#firstOther(self, servedIn(routes.around(path)), counts) ??
      this.#firstOther(self, servedIn(routes.within(path)), counts)
    );
  }

  #serves(owner: string, host: string, path: string): boolean {
    return this.#servedBy.get(owner)?.has(routeKey(host, path)) === true;
  }

  /** The hosts that a rule is for. */
  *#hostsOf(host: string): Generator<HostRoutes> {
    if (isOneHost(host)) {
      const routes = this.#byHost.get(host);
      if (routes !== undefined) yield routes;
      return;
    }
    for (const [other, routes] of this.#byHost) if (other.endsWith(host.slice(1))) yield routes;
  }

  /** Replaces the claims of one source. @returns keys of the other servers concerned. */
  #claim(source: string, self: string | undefined, claims: readonly Claim[]): readonly string[] {
    const before = this.#bySource.get(source) ?? [];
    if (isDeepStrictEqual(before, claims)) return [];
    const change = (): void => {
      for (const claim of before) this.#drop(claim);
      for (const claim of claims) this.#add(claim);
      if (claims.length === 0) this.#bySource.delete(source);
      else this.#bySource.set(source, claims);
    };
    if (isDeepStrictEqual(before.map(withoutRefusal), claims.map(withoutRefusal))) {
      change();
      return [];
    }
    return this.#concernedBy({ before, after: claims, self }, change);
  }

  /** Removes a server that is gone. What served it may still exist, but no longer holds anything. */
  #forget(owner: string): readonly string[] {
    const before = this.#bySource.get(owner) ?? [];
    return this.#concernedBy({ before, after: [], self: owner }, () => {
      for (const claim of before) this.#drop(claim);
      this.#bySource.delete(owner);
      this.#unknow(owner);
    });
  }

  /**
   * Makes a change of claims. @returns keys of those who have a route now or had it before, where that is another server,
   * and of those who were refused something because of one whose claims changed.
   */
  #concernedBy(
    { before, after, self }: { before: readonly Claim[]; after: readonly Claim[]; self: string | undefined },
    change: () => void,
  ): readonly string[] {
    const routes = new Map([...before, ...after].map((claim) => [routeKey(claim.host, claim.path), claim]));
    const holderOf = ({ host, path }: Claim): Candidate | undefined => {
      const claims = this.#byHost.get(host)?.at(path);
      return claims === undefined ? undefined : this.#firstOf(claims, weightsIn(claims));
    };
    const touched = [...routes.values()].map((claim) => ({ claim, holder: holderOf(claim) }));
    const changing = [...new Set(before.map(({ owner }) => owner))].flatMap(
      (owner) => this.#candidates.get(owner) ?? [],
    );
    change();
    const moved = touched
      .map(({ claim, holder }) => [holderOf(claim), holder] as const)
      .filter(([now, then]) => now?.owner !== then?.owner);
    const losing = moved.flatMap(([, then]) => then ?? []);
    const waiting = [...changing, ...losing].flatMap(({ key }) => [...(this.#waiting.get(key) ?? [])]);
    const concerned = [...moved.flat().flatMap((one) => one?.owner ?? []), ...waiting];
    return [...new Set(concerned)]
      .filter((owner) => owner !== self)
      .flatMap((owner) => this.#candidates.get(owner)?.key ?? []);
  }

  #know(candidate: Candidate): void {
    this.#unknow(candidate.owner);
    this.#candidates.set(candidate.owner, candidate);
    if (candidate.waitsFor !== undefined) addTo(this.#waiting, candidate.waitsFor, candidate.owner);
  }

  #unknow(owner: string): void {
    const { waitsFor } = this.#candidates.get(owner) ?? {};
    this.#candidates.delete(owner);
    if (waitsFor !== undefined) dropFrom(this.#waiting, waitsFor, owner);
  }

  #add(claim: Claim): void {
    if (!isOneHost(claim.host)) return this.#countServed(claim, 1);
    const routes = this.#byHost.get(claim.host) ?? new HostRoutes();
    routes.add(claim);
    this.#byHost.set(claim.host, routes);
    this.#countServed(claim, 1);
  }

  #drop(claim: Claim): void {
    this.#countServed(claim, -1);
    const routes = this.#byHost.get(claim.host);
    routes?.drop(claim);
    if (routes?.isEmpty === true) this.#byHost.delete(claim.host);
  }

  #countServed({ owner, host, path, by }: Claim, step: 1 | -1): void {
    if (by === "Spec") return;
    const counts = this.#servedBy.get(owner) ?? new Map<string, number>();
    const key = routeKey(host, path);
    const count = (counts.get(key) ?? 0) + step;
    if (count === 0) counts.delete(key);
    else counts.set(key, count);
    if (counts.size === 0) this.#servedBy.delete(owner);
    else this.#servedBy.set(owner, counts);
  }
}

function* servedIn(found: Iterable<PathClaims>): Generator<Claim> {
  for (const { served } of found) yield* served;
}

/** A refused request holds nothing; it would otherwise block a host for everybody. */
function* activeIn(found: Iterable<PathClaims>): Generator<Claim> {
  for (const { served, asked } of found) {
    yield* served;
    yield* asked;
  }
}

/** By owner, of those that serve. */
function weightsIn({ served }: PathClaims): ReadonlyMap<string, number> {
  const sources = new Map<string, Set<Source>>();
  for (const { owner, by } of served) addTo(sources, owner, by);
  const sum = (by: ReadonlySet<Source>): number => [...by].reduce((total, one) => total + WEIGHTS[one], 0);
  return new Map([...sources].map(([owner, by]) => [owner, sum(by)]));
}

function precedes(left: Candidate, right: Candidate, weights: ReadonlyMap<string, number>): boolean {
  const [leftWeight, rightWeight] = [weights.get(left.owner) ?? 0, weights.get(right.owner) ?? 0];
  return leftWeight === rightWeight ? left.age < right.age : leftWeight > rightWeight;
}

function ownerOf(namespace: string, uid: string): string {
  return `${namespace}/${uid}`;
}

function candidateOf(key: string, server: JupyterServer): Candidate {
  const { metadata, status } = withReadableStatus(server); // a status of 0.24 may hold anything
  const refusal = status?.conditions?.find(({ type }) => type === "Stalled")?.message ?? "";
  return {
    key,
    namespace: metadata.namespace,
    owner: ownerOf(metadata.namespace, metadata.uid),
    age: ageOf(metadata),
    isRefused: refusal !== "",
    waitsFor: routeHolderIn(refusal),
  };
}

function claimsOf(
  { owner, namespace, age, isRefused }: Omit<Claim, "host" | "path" | "by">,
  routes: readonly HostAndPath[],
  by: Source,
): readonly Claim[] {
  const keys = routes.map(({ host, path }) => ({ host: hostKey(host), path: normalizePath(path) }));
  const different = new Map(keys.map((route) => [routeKey(route.host, route.path), route]));
  return [...different.values()].map((route) => ({ owner, namespace, age, isRefused, ...route, by }));
}

function withoutRefusal(claim: Claim): object {
  const { isRefused: __, ...others } = claim;
  return others;
}

/** Empty for a rule without a host. */
function hostKey(host: string | undefined): string {
  return (host ?? "").toLowerCase();
}

function isOneHost(host: string): boolean {
  return host !== "" && !host.startsWith("*.");
}

/** A path begins with a slash, and a host has none. */
function routeKey(host: string, path: string): string {
  return host + path;
}

function addTo<K, V>(index: Map<K, Set<V>>, key: K, value: V): void {
  index.set(key, (index.get(key) ?? new Set<V>()).add(value));
}

function dropFrom<K, V>(index: Map<K, Set<V>>, key: K, value: V): void {
  const values = index.get(key);
  values?.delete(value);
  if (values?.size === 0) index.delete(key);
}
