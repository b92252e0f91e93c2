import { routeOf } from "@amalthea/api";
import type { JupyterServer } from "@amalthea/api";

type Holder = { readonly key: string; readonly created: string; readonly uid: string };

/**
 * Which servers ask for which host and path, so that no two serve the same. Hosts are compared in lower case, paths
 * normalised and as a whole: `/a` and `/a/b` are two routes, `/a` and `/a/` are one.
 */
export class RouteIndex {
  readonly #holdersByRoute = new Map<string, Map<string, Holder>>();
  readonly #routeByServer = new Map<string, string>();

  /**
   * Takes note of a server's present form, or with undefined that it is gone.
   * @returns keys of the other servers whose answer may have changed by it.
   */
  update(key: string, server: JupyterServer | undefined): readonly string[] {
    const before = this.#routeByServer.get(key);
    const route = server === undefined ? undefined : routeKey(server);
    const affected = before === route ? [] : [...this.#remove(key, before), ...this.#keysAt(route)];
    if (server !== undefined && route !== undefined) this.#add(route, key, server);
    return affected;
  }

  /** The older server (by creation, then by uid) that has this server's route, as `namespace/name`; undefined if none. */
  holderBefore(server: JupyterServer): string | undefined {
    const route = routeKey(server);
    if (route === undefined) return undefined;
    const self = holderOf("", server);
    let first = self;
    for (const holder of this.#holdersByRoute.get(route)?.values() ?? []) {
      if (isOlder(holder, first)) first = holder;
    }
    return first === self || first.uid === self.uid ? undefined : first.key;
  }

  #add(route: string, key: string, server: JupyterServer): void {
    const holders = this.#holdersByRoute.get(route) ?? new Map<string, Holder>();
    holders.set(key, holderOf(key, server));
    this.#holdersByRoute.set(route, holders);
    this.#routeByServer.set(key, route);
  }

  #remove(key: string, route: string | undefined): readonly string[] {
    if (route === undefined) return [];
    this.#routeByServer.delete(key);
    const holders = this.#holdersByRoute.get(route);
    holders?.delete(key);
    if (holders?.size === 0) this.#holdersByRoute.delete(route);
    return this.#keysAt(route);
  }

  #keysAt(route: string | undefined): readonly string[] {
    return route === undefined ? [] : [...(this.#holdersByRoute.get(route)?.keys() ?? [])];
  }
}

function routeKey(server: JupyterServer): string | undefined {
  const route = routeOf(server);
  // A space occurs neither in a host nor in a path that an Ingress accepts.
  return route === undefined ? undefined : `${route.host.toLowerCase()} ${route.path}`;
}

function holderOf(key: string, server: JupyterServer): Holder {
  return { key, created: server.metadata.creationTimestamp, uid: server.metadata.uid };
}

/** Timestamps of the API server have one format and one zone, so their text sorts like the time. */
function isOlder(left: Holder, right: Holder): boolean {
  return left.created === right.created ? left.uid < right.uid : left.created < right.created;
}
