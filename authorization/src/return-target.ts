import { prefixOf } from "@amalthea/api";
import { isWithin, pathSegments } from "./request-path.ts";

/** Longer ones do not fit into what a provider carries through a login. */
const MAX_CHARACTERS = 2_048;

/** oauth2-proxy takes an address with one of these for one of another host, wherever it is in it, and forgets it. */
const SUSPICIOUS = /[/\\](?:\s*|\.{1,2})[/\\]/;

/**
 * Where a login may return to: what was asked for if it is an address of this server and not of its login, else the
 * server's own. The result is a path with its query, in a form that oauth2-proxy and browsers interpret in the same way.
 */
export function returnTarget(wanted: string, basePath: string): string {
  const home = `${prefixOf(basePath)}/`;
  const [path, query] = divide(wanted.split("#", 1)[0] ?? "");
  const isFit = wanted.length <= MAX_CHARACTERS && /^[!-~]+$/.test(wanted) && !SUSPICIOUS.test(path);
  if (!isFit || !isWithin(path, basePath) || isLoginPath(path, basePath)) return home;
  return query === undefined ? path : `${path}?${query.replaceAll(/[/\\]/g, encodeURIComponent)}`;
}

function divide(target: string): readonly [string, string | undefined] {
  const mark = target.indexOf("?");
  return mark < 0 ? [target, undefined] : [target.slice(0, mark), target.slice(mark + 1)];
}

/** Nobody wants to be signed out, or to begin again, at the end of a login. */
function isLoginPath(path: string, basePath: string): boolean {
  const depth = prefixOf(basePath).split("/").length;
  return pathSegments(path)?.[depth] === "oauth2";
}
