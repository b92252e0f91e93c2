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
const POST = "POST {P}/api/contents HTTP/1.1";
/** What makes a request one for a page. */
export const PAGE: readonly string[] = ["Accept: text/html"];

/** Requests without a session. Nothing of them may reach Jupyter. */
export const WITHOUT_SESSION: readonly Attack[] = [
  { attack: "an API request", line: GET, status: 401 },
  { attack: "a page", line: "GET {P}/lab HTTP/1.1", headers: PAGE, status: 302 },
  { attack: "a POST that asks for a page", line: POST, headers: [...PAGE, "Content-Length: 0"], status: 401 },
  { attack: "an API request with a loose Accept", line: GET, headers: ["Accept: */*"], status: 401 },
  { attack: "an API request for JSON", line: GET, headers: ["Accept: application/json"], status: 401 },
  { attack: "forged identity headers", line: GET, headers: FORGED, status: 401 },
  {
    attack: "forged identity headers on a page",
    line: "GET {P}/lab HTTP/1.1",
    headers: [...PAGE, ...FORGED],
    status: 302,
  },
  { attack: "identity headers with underscores", line: GET, headers: FORGED.map(withSeparator("_")), status: 401 },
  { attack: "identity headers with dots", line: GET, headers: FORGED.map(withSeparator(".")), status: 401 },
  { attack: "a forged X-Forwarded-User", line: GET, headers: ["X-Forwarded-User: alice"], status: 401 },
  {
    attack: "identity headers that Connection asks to remove",
    line: GET,
    headers: [...FORGED, "Connection: close, X-Auth-Request-User, X-Auth-Request-Email, X-Auth-Request-Groups"],
    status: 401,
  },
  {
    attack: "Connection that removes what traefik adds",
    line: GET,
    headers: ["Connection: close, X-Forwarded-Uri, X-Forwarded-Host, X-Forwarded-Method, X-Forwarded-For, Cookie"],
    status: 401,
  },
  { attack: "a forged X-Forwarded-Uri", line: GET, headers: ["X-Forwarded-Uri: /ping"], status: 401 },
  { attack: "a forged X-Forwarded-Method", line: GET, headers: ["X-Forwarded-Method: OPTIONS"], status: 401 },
  { attack: "a forged X-Forwarded-Prefix", line: GET, headers: ["X-Forwarded-Prefix: /ping"], status: 401 },
  {
    attack: "X-Original-Url and X-Rewrite-Url",
    line: GET,
    headers: ["X-Original-Url: /ping", "X-Rewrite-Url: /ping"],
    status: 401,
  },
  { attack: "the user agent of a health check", line: GET, headers: ["User-Agent: GoogleHC/1.0"], status: 401 },
  { attack: "the user agent of the kubelet", line: GET, headers: ["User-Agent: kube-probe/1.35"], status: 401 },
  {
    attack: "a loopback X-Forwarded-For",
    line: GET,
    headers: ["X-Forwarded-For: 127.0.0.1", "X-Real-Ip: 127.0.0.1"],
    status: 401,
  },
  {
    attack: "a Forwarded header",
    line: GET,
    headers: ["Forwarded: for=127.0.0.1;host=127.0.0.1;proto=https"],
    status: 401,
  },
  {
    attack: "a made-up session cookie",
    line: GET,
    headers: ["Cookie: {COOKIE}=YWxpY2U=|1700000000|c2ln"],
    status: 401,
  },
  { attack: "an empty session cookie", line: GET, headers: ["Cookie: {COOKIE}="], status: 401 },
  { attack: "a basic password", line: GET, headers: ["Authorization: Basic YWxpY2U6YWxpY2U="], status: 401 },
  {
    attack: "an unsigned bearer token",
    line: GET,
    headers: ["Authorization: Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9."],
    status: 401,
  },
  { attack: "Jupyter's own token in the query", line: "GET {P}/api/contents?token=x HTTP/1.1", status: 401 },
  { attack: "an OPTIONS request", line: "OPTIONS {P}/api/contents HTTP/1.1", status: 401 },
  { attack: "the path that ends inside the login's prefix", line: "GET {P}/oauth2/../api HTTP/1.1", status: 401 },
  {
    attack: "an encoded way out of the login's prefix",
    line: "GET {P}/oauth2/..%2fapi HTTP/1.1",
    status: 302,
  },
  { attack: "a path that only begins like the login's", line: "GET {P}/oauth2x HTTP/1.1", status: 401 },
  { attack: "the login's prefix without its slash", line: "GET {P}/oauth2 HTTP/1.1", status: 401 },
  { attack: "the question traefik asks oauth2-proxy", line: "GET {P}/oauth2/auth HTTP/1.1", status: 401 },
  { attack: "the question after the user", line: "GET {P}/oauth2/userinfo HTTP/1.1", status: 401 },
  { attack: "the authorization service's own path", line: "GET {P}/authorize HTTP/1.1", headers: FORGED, status: 401 },
  { attack: "the path of the probe", line: "GET {P}/ready HTTP/1.1", status: 401 },
  { attack: "the path of oauth2-proxy's ping", line: "GET {P}/ping HTTP/1.1", status: 401 },
  { attack: "the upgrade prefix without an upgrade", line: "GET {P}/websocket/api HTTP/1.1", status: 401 },
  { attack: "Upgrade without Connection", line: GET, headers: ["Upgrade: websocket"], status: 426 },
  {
    attack: "an upgrade to HTTP/2",
    line: GET,
    headers: ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"],
    status: 401,
  },
  { attack: "an absolute target of a foreign host", line: "GET http://evil.example{P}/api HTTP/1.1", status: 404 },
  { attack: "an absolute target of the own host", line: "GET http://{HOST}{P}/api HTTP/1.1", status: 401 },
  {
    attack: "an absolute target with a user part",
    line: "GET http://{NAME}@evil.example{P}/api HTTP/1.1",
    status: 404,
  },
  { attack: "HTTP/1.0", line: "GET {P}/api HTTP/1.0", status: 401 },
  { attack: "a tunnel", line: "CONNECT 127.0.0.1:8888 HTTP/1.1", status: 501 },
  { attack: "TRACE", line: "TRACE {P}/api HTTP/1.1", status: 401 },
  {
    attack: "a header with a space before its colon",
    line: GET,
    headers: ["X-Auth-Request-User : alice"],
    status: 400,
  },
  { attack: "a folded header", line: GET, headers: ["X-Note: a", " X-Auth-Request-User: alice"], status: 401 },
  { attack: "a header that is too long", line: GET, headers: [`X-Long: ${"a".repeat(80_000)}`], status: 431 },
  {
    attack: "a length beside a transfer coding",
    line: POST,
    headers: ["Content-Length: 4", "Transfer-Encoding: chunked"],
    body: "0\r\n\r\nGET {P}/api HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
    status: 401,
  },
  {
    attack: "two lengths",
    line: POST,
    headers: ["Content-Length: 0", "Content-Length: 30"],
    body: "GET {P}/api HTTP/1.1\r\n\r\n",
    status: 400,
  },
  {
    attack: "an unknown transfer coding",
    line: POST,
    headers: ["Transfer-Encoding: xchunked"],
    body: "0\r\n\r\n",
    status: 501,
  },
];

/** Requests with alice's valid session to what is not hers, or not a path. Nothing of them may reach Jupyter. */
export const WITH_SESSION: readonly Attack[] = [
  { attack: "an encoded back slash", line: "GET {P}/api%5c..%5cx HTTP/1.1", status: 400 },
  { attack: "an encoded NUL", line: "GET {P}/api%00 HTTP/1.1", status: 400 },
  { attack: "a foreign host", line: "GET {P}/api HTTP/1.1", headers: ["Host: evil.example"], status: 404 },
  { attack: "an absolute target of a foreign host", line: "GET http://evil.example{P}/api HTTP/1.1", status: 404 },
  { attack: "a second host", line: GET, headers: ["Host: {HOST}", "Host: evil.example"], status: 400 },
  {
    attack: "a second host in X-Forwarded-Host is ignored, a foreign port is not",
    line: GET,
    headers: ["Host: {NAME}:1"],
    status: 403,
  },
  {
    attack: "a POST from another site",
    line: POST,
    headers: ["Origin: https://evil.example", "Content-Length: 0"],
    status: 403,
  },
  {
    attack: "a POST from a sibling site",
    line: POST,
    headers: ["Origin: http://x.{HOST}", "Content-Length: 0"],
    status: 403,
  },
  {
    attack: "a POST from another port",
    line: POST,
    headers: ["Origin: http://{NAME}:1", "Content-Length: 0"],
    status: 403,
  },
  {
    attack: "a POST from the same host by https",
    line: POST,
    headers: ["Origin: https://{HOST}", "Content-Length: 0"],
    status: 403,
  },
  { attack: "a POST of an opaque origin", line: POST, headers: ["Origin: null", "Content-Length: 0"], status: 403 },
  {
    attack: "a POST that the browser calls cross-site",
    line: POST,
    headers: ["Sec-Fetch-Site: cross-site", "Content-Length: 0"],
    status: 403,
  },
  {
    attack: "a POST that the browser calls same-site",
    line: POST,
    headers: ["Sec-Fetch-Site: same-site", "Content-Length: 0"],
    status: 403,
  },
  {
    attack: "a foreign POST dressed as GET",
    line: POST,
    headers: [
      "Origin: https://evil.example",
      "X-Http-Method-Override: GET",
      "X-Forwarded-Method: GET",
      "Content-Length: 0",
    ],
    status: 403,
  },
  {
    attack: "a foreign origin with the own as X-Forwarded-Host",
    line: POST,
    headers: ["Origin: https://evil.example", "X-Forwarded-Host: evil.example", "Content-Length: 0"],
    status: 403,
  },
  {
    attack: "a DELETE from another site",
    line: "DELETE {P}/api/contents/x HTTP/1.1",
    headers: ["Origin: https://evil.example"],
    status: 403,
  },
  {
    attack: "Connection that removes Origin, which no browser can be made to send",
    line: POST,
    headers: [
      "Origin: https://evil.example",
      "Connection: close, Origin, Sec-Fetch-Site",
      "Sec-Fetch-Site: cross-site",
      "Content-Length: 0",
    ],
    status: 200,
  },
];

/** Requests to what only looks like `/sessions/a`. */
export const SIBLINGS: readonly Attack[] = [
  { attack: "a name that begins like the server's", line: "GET /sessions/ab/api HTTP/1.1", status: 404 },
  { attack: "a path parameter", line: "GET /sessions/a;x/api HTTP/1.1", status: 404 },
  { attack: "an encoded slash after the server's path", line: "GET /sessions/a%2fapi HTTP/1.1", status: 404 },
  {
    attack: "an encoded back slash after the server's path",
    line: "GET /sessions/a%5capi HTTP/1.1",
    status: 404,
  },
  { attack: "the path in capitals", line: "GET /sessions/A/api HTTP/1.1", status: 404 },
  { attack: "a step up", line: "GET /sessions/a/../b/api HTTP/1.1", status: 404 },
  { attack: "an encoded step up", line: "GET /sessions/a/%2e%2e/b/api HTTP/1.1", status: 404 },
  { attack: "the parent", line: "GET /sessions/ HTTP/1.1", status: 404 },
  { attack: "the root", line: "GET / HTTP/1.1", status: 404 },
];

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
      .replaceAll("{P}", target.basePath === "/" ? "" : target.basePath);
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
