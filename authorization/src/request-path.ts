import { prefixOf } from "@amalthea/api";

/**
 * The path of a request target as decoded segments: `/a/b%20c?x` is `["", "a", "b c"]`.
 *
 * @returns `undefined` for what no browser sends: no leading slash, broken percent encoding, a NUL or back slash, a `.` or `..` segment
 *   in any spelling, also behind an encoded slash. traefik has normalized the path before, so nothing legitimate is lost.
 */
export function pathSegments(target: string): readonly string[] | undefined {
  if (!target.startsWith("/")) return undefined;
  const path = target.split(/[?#]/, 1)[0] ?? "";
  try {
    const segments = path.split("/").map((segment) => decodeURIComponent(segment));
    const odd = segments.some((segment) => /(^|\/)\.{1,2}(\/|$)|[\0\\]/.test(segment));
    return odd ? undefined : segments;
  } catch {
    return undefined;
  }
}

/** Where people reach a page of the login, such as `start`. */
export function loginPath(basePath: string, page: string): string {
  return `${prefixOf(basePath)}/oauth2/${page}`;
}

/** Whether a target lies in `basePath` (`/` or `/sessions/a`), compared by whole segments. */
export function isWithin(target: string, basePath: string): boolean {
  const segments = pathSegments(target);
  if (segments === undefined) return false;
  const base = prefixOf(basePath).split("/");
  return base.every((segment, index) => segments[index] === segment);
}

/** A place WebSockets are forwarded to. A `path` that ends in `/` stands for all below it, another for itself only. */
export type Upstream = { readonly path: string; readonly host: string; readonly port: number };

/** The upstream with the longest matching path. */
export function findUpstream(target: string, upstreams: readonly Upstream[]): Upstream | undefined {
  const segments = pathSegments(target);
  if (segments === undefined) return undefined;
  const matching = upstreams.filter(({ path }) => matches(segments, path.split("/")));
  return matching.toSorted((left, right) => right.path.length - left.path.length)[0];
}

function matches(segments: readonly string[], pattern: readonly string[]): boolean {
  const isPrefix = pattern.at(-1) === "";
  const fixed = isPrefix ? pattern.slice(0, -1) : pattern;
  const longEnough = isPrefix ? segments.length > fixed.length : segments.length === fixed.length;
  return longEnough && fixed.every((segment, index) => segments[index] === segment);
}
