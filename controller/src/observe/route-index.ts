import { normalizePath, routeOf } from "@amalthea/api";
import type { JupyterServer } from "@amalthea/api";

/** A server with what decides between two that ask for one route. */
type Candidate = { readonly key: string; readonly created: string; readonly uid: string };

/** That a server asks for a route, or how much of it is served there. */
type Claim = { readonly uid: string; readonly route: string; readonly weight: number };

/** A route that an object serves for a server now. */
export type ServedRoute = {
  /** uid of the server. */
  readonly uid: string;
  readonly host: string;
  readonly path: string;
  /** Users come through an Ingress; a pod that was started for a route is of use there only. */
  readonly by: "Ingress" | "Pod";
};

/** An Ingress alone counts for more than a pod alone; a spec for nothing, so that age decides between two of them. */
const WEIGHTS = { Spec: 0, Pod: 1, Ingress: 2 } as const;

/**
 * Which servers ask for which host and path, and which serve them now, so that no two serve the same. Hosts are compared
 * in lower case, paths normalised and as a whole: `/a` and `/a/b` are two routes, `/a` and `/a/` are one.
 */
export class RouteIndex {
  readonly #candidates = new Map<string, Candidate>();
  readonly #uidByKey = new Map<string, string>();
  /** By route, then by what the claim comes from: the uid of a server, an Ingress or a pod. */
  readonly #claims = new Map<string, Map<string, Claim>>();
  readonly #routeBySource = new Map<string, string>();

  /**
   * Takes note of a server's present form, or with undefined that it is gone.
   * @returns keys of the other servers whose answer may have changed by it.
   */
  update(key: string, server: JupyterServer | undefined): readonly string[] {
    const before = this.#uidByKey.get(key);
    const uid = server?.metadata.uid;
    const affected = before === undefined || before === uid ? [] : this.#claim(before, before, undefined);
    if (before !== undefined && before !== uid) this.#candidates.delete(before);
    if (server === undefined || uid === undefined) {
      this.#uidByKey.delete(key);
      return affected;
    }
    this.#uidByKey.set(key, uid);
    this.#candidates.set(uid, { key, created: server.metadata.creationTimestamp, uid });
    const route = specRoute(server);
    const claim = route === undefined ? undefined : { uid, route, weight: WEIGHTS.Spec };
    return [...new Set([...affected, ...this.#claim(uid, uid, claim)])];
  }

  /**
   * Takes note of what an Ingress or a pod serves, or with undefined that it serves nothing any more.
   * @returns keys of the other servers whose answer may have changed by it.
   */
  updateServed(objectUid: string, served: ServedRoute | undefined): readonly string[] {
    if (served === undefined) return this.#claim(objectUid, undefined, undefined);
    const { uid, host, path, by } = served;
    return this.#claim(objectUid, uid, { uid, route: routeKey(host, path), weight: WEIGHTS[by] });
  }

  /**
   * The other server that has this server's route, as `namespace/name`; undefined if none. Whoever serves it keeps it; of
   * two that do not, or both do, the older one has it (by creation, then by uid).
   */
  holderBefore(server: JupyterServer): string | undefined {
    const route = specRoute(server);
    if (route === undefined) return undefined;
    const { uid, creationTimestamp: created } = server.metadata;
    const self: Candidate = { key: "", created, uid };
    const weights = this.#weightsOn(route);
    let first = self;
    for (const rival of weights.keys()) {
      const candidate = this.#candidates.get(rival);
      if (candidate !== undefined && rival !== uid && precedes(candidate, first, weights)) first = candidate;
    }
    return first === self ? undefined : first.key;
  }

  #weightsOn(route: string): ReadonlyMap<string, number> {
    const weights = new Map<string, number>();
    for (const { uid, weight } of this.#claims.get(route)?.values() ?? []) {
      weights.set(uid, (weights.get(uid) ?? 0) + weight);
    }
    return weights;
  }

  /** Puts what one source claims in place of what it claimed before. @returns keys of the other servers concerned. */
  #claim(source: string, ownUid: string | undefined, claim: Claim | undefined): readonly string[] {
    const before = this.#routeBySource.get(source);
    if (before === claim?.route) return [];
    if (before !== undefined) this.#drop(source, before);
    if (claim !== undefined) this.#add(source, claim);
    const concerned = [...this.#claimsOn(before), ...this.#claimsOn(claim?.route)].map(({ uid }) => uid);
    const others = [...new Set(concerned)].filter((uid) => uid !== ownUid);
    return others.flatMap((uid) => this.#candidates.get(uid)?.key ?? []);
  }

  #add(source: string, claim: Claim): void {
    const claims = this.#claims.get(claim.route) ?? new Map<string, Claim>();
    this.#claims.set(claim.route, claims.set(source, claim));
    this.#routeBySource.set(source, claim.route);
  }

  #drop(source: string, route: string): void {
    this.#routeBySource.delete(source);
    const claims = this.#claims.get(route);
    claims?.delete(source);
    if (claims?.size === 0) this.#claims.delete(route);
  }

  #claimsOn(route: string | undefined): readonly Claim[] {
    return route === undefined ? [] : [...(this.#claims.get(route)?.values() ?? [])];
  }
}

function specRoute(server: JupyterServer): string | undefined {
  const route = routeOf(server);
  return route === undefined ? undefined : routeKey(route.host, route.path);
}

function routeKey(host: string, path: string): string {
  // A space occurs neither in a host nor in a path that an Ingress accepts.
  return `${host.toLowerCase()} ${normalizePath(path)}`;
}

/** Timestamps of the API server have one format and one zone, so their text sorts like the time. */
function precedes(left: Candidate, right: Candidate, weights: ReadonlyMap<string, number>): boolean {
  const [leftWeight, rightWeight] = [weights.get(left.uid) ?? 0, weights.get(right.uid) ?? 0];
  if (leftWeight !== rightWeight) return leftWeight > rightWeight;
  return left.created === right.created ? left.uid < right.uid : left.created < right.created;
}
