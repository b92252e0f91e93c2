import { isPathWithin } from "@amalthea/api";
import { SortedTexts } from "./sorted-texts.ts";

/** The source of a claim: a spec requests, everything else serves. */
export type Source = "Spec" | "AddedIngress" | "Pod" | "Ingress";

/** A server requests a host and path, or something of it serves them. */
export type Claim = {
  /** Namespace and uid of the server. */
  readonly owner: string;
  readonly namespace: string;
  /** In lower case. */
  readonly host: string;
  /** Normalised. */
  readonly path: string;
  readonly by: Source;
  /** Age of the server, of a spec's claim: the smallest is the oldest. */
  readonly age: string;
  /** The server only requests it, and something is refused to it. */
  readonly isRefused: boolean;
};

/** The claims on one path of one host. */
export class PathClaims {
  readonly served: Set<Claim> = new Set<Claim>();
  /** Of specs that nothing is refused to. */
  readonly asked: Set<Claim> = new Set<Claim>();
  readonly refused: Set<Claim> = new Set<Claim>();
  #oldest: Claim | undefined;
  #isOldestKnown = true;

  get isEmpty(): boolean {
    return this.served.size + this.asked.size + this.refused.size === 0;
  }

  /** Of those by specs, the one of the oldest server. */
  get oldestSpec(): Claim | undefined {
    if (!this.#isOldestKnown) {
      this.#oldest = undefined;
      for (const claims of [this.asked, this.refused]) for (const claim of claims) this.#considerOldest(claim);
      this.#isOldestKnown = true;
    }
    return this.#oldest;
  }

  add(claim: Claim): void {
    this.#setOf(claim).add(claim);
    if (claim.by === "Spec") this.#considerOldest(claim);
  }

  drop(claim: Claim): void {
    this.#setOf(claim).delete(claim);
    if (claim === this.#oldest) this.#isOldestKnown = false;
  }

  #considerOldest(claim: Claim): void {
    if (this.#oldest === undefined || claim.age < this.#oldest.age) this.#oldest = claim;
  }

  #setOf({ by, isRefused }: Claim): Set<Claim> {
    if (by !== "Spec") return this.served;
    return isRefused ? this.refused : this.asked;
  }
}

const NONE = new PathClaims();

/**
 * Up to this number, paths are searched linearly; a path may have hundreds of segments, and a rule thousands of hosts.
 */
const FEW = 16;

/** The claims on one host. The cost of a query depends on the length of the path, not on the number of paths. */
export class HostRoutes {
  readonly #byPath = new Map<string, PathClaims>();
  /** The same paths in order: those within another one stand together. */
  readonly #paths = new SortedTexts();

  get isEmpty(): boolean {
    return this.#byPath.size === 0;
  }

  add(claim: Claim): void {
    const claims = this.#byPath.get(claim.path) ?? new PathClaims();
    claims.add(claim);
    this.#byPath.set(claim.path, claims);
    this.#paths.add(claim.path);
  }

  drop(claim: Claim): void {
    const claims = this.#byPath.get(claim.path);
    claims?.drop(claim);
    if (claims?.isEmpty !== true) return;
    this.#byPath.delete(claim.path);
    this.#paths.delete(claim.path);
  }

  at(path: string): PathClaims {
    return this.#byPath.get(path) ?? NONE;
  }

  *all(): Generator<PathClaims> {
    yield* this.#byPath.values();
  }

  /** The claims on paths within which this one lies, itself included. */
  *around(path: string): Generator<PathClaims> {
    if (this.#byPath.size <= FEW) {
      for (const [one, claims] of this.#byPath) if (isPathWithin(path, one)) yield claims;
      return;
    }
    for (let end = 0; end >= 0; end = path.indexOf("/", end + 1)) {
      const claims = this.#byPath.get(end === 0 ? "/" : path.slice(0, end));
      if (claims !== undefined) yield claims;
    }
    if (path !== "/") yield this.at(path);
  }

  /** The claims on paths within this one, without itself. */
  *within(path: string): Generator<PathClaims> {
    const prefix = path === "/" ? "/" : `${path}/`;
    for (let place = this.#paths.countBefore(prefix); place < this.#paths.size; place++) {
      const one = this.#paths.at(place) ?? "";
      if (!one.startsWith(prefix)) return;
      if (one !== path) yield this.at(one);
    }
  }
}
