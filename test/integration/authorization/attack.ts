import { prefixOf } from "@amalthea/api";
import { requestText } from "./raw-http.ts";

/** What a forger would like to be. */
export const FORGED: readonly string[] = [
  "X-Auth-Request-User: alice",
  "X-Auth-Request-Email: alice@example.org",
  "X-Auth-Request-Groups: staff",
];

/** A request and the status it has to get. */
export type Attack = {
  readonly attack: string;
  /** Request line. `{P}` stands for the base path, without a slash at its end, `{HOST}` for host and port, `{NAME}` for the host alone. */
  readonly line: string;
  readonly headers?: readonly string[];
  readonly body?: string;
  readonly status: number;
};

/** A request that Jupyter would answer. */
export const GET = "GET {P}/api/contents HTTP/1.1";
/** A request that would change something. */
export const POST = "POST {P}/api/contents HTTP/1.1";
/** What makes a request one for a page. */
export const PAGE: readonly string[] = ["Accept: text/html"];

/** What an attack is sent as: its placeholders filled in, with a `Host` unless it names its own. */
export function attackText(
  { line, headers = [], body = "" }: Attack,
  target: { readonly host: string; readonly cookieName: string; readonly basePath: string },
  more: readonly string[] = [],
): string {
  const fill = (text: string): string =>
    text
      .replaceAll("{HOST}", target.host)
      .replaceAll("{NAME}", target.host.split(":")[0] ?? "")
      .replaceAll("{COOKIE}", target.cookieName)
      .replaceAll("{P}", prefixOf(target.basePath));
  const host = headers.some((header) => header.startsWith("Host:")) ? [] : ["Host: {HOST}"];
  return requestText(fill(line), [...[...host, ...headers].map(fill), ...more], fill(body));
}

/** Writes header names with another separator, which some programs take for the same name. */
export function withSeparator(separator: string): (header: string) => string {
  return (header) => {
    const [name = "", value = ""] = header.split(": ");
    return `${name.replaceAll("-", separator)}: ${value}`;
  };
}
