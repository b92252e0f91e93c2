import type { JupyterServer } from "./jupyter-server.ts";

/** Where a server is reached. */
export type Route = {
  /** Host of the Ingress rule. */
  readonly host: string;
  /** Base path: `/`, or `/a/b` without a slash at its end. */
  readonly path: string;
  /** Whether the Ingress terminates TLS. */
  readonly tls: boolean;
  /** Scheme of the public address. */
  readonly scheme: "http" | "https";
  /** Scheme, host and port of the public address, without a trailing slash. */
  readonly origin: string;
  /** Public address, without a trailing slash: `https://hub.example.org/a/b`. */
  readonly url: string;
};

/** Where a server is reached, or undefined while its `routing.host` is missing. */
export function routeOf(server: { readonly spec: Pick<JupyterServer["spec"], "routing"> }): Route | undefined {
  const { host, path, tls, externalUrl } = server.spec.routing;
  if (host === undefined || host === "") return undefined;
  const origin = asOrigin(externalUrl ?? `${tls.enabled ? "https" : "http"}://${host}`);
  const normalized = normalizePath(path);
  return {
    host,
    path: normalized,
    tls: tls.enabled,
    scheme: origin.startsWith("https:") ? "https" : "http",
    origin,
    url: normalized === "/" ? origin : origin + normalized,
  };
}

/** An address as browsers write it in `Origin`: in lower case, without the port that follows from the scheme. */
function asOrigin(url: string): string {
  return url
    .toLowerCase()
    .replace(/\/+$/, "")
    .replace(/^(http:.*):80$|^(https:.*):443$/, "$1$2");
}

/** Normalises a path: `a//b/` becomes `/a/b`, the root stays `/`. */
export function normalizePath(path: string): string {
  return "/" + segmentsOf(path).join("/");
}

/** The prefix of paths below a normalised path: empty for the root. */
export function prefixOf(path: string): string {
  return path === "/" ? "" : path;
}

/** Whether `path` lies at or below `prefix`, compared by whole segments: `/a/b` lies below `/a`, `/ab` does not. */
export function isPathWithin(path: string, prefix: string): boolean {
  const segments = segmentsOf(path);
  return segmentsOf(prefix).every((segment, index) => segment === segments[index]);
}

function segmentsOf(path: string): readonly string[] {
  return path.split("/").filter((segment) => segment !== "");
}
