import { GET, PAGE, POST, type Attack } from "./attack.ts";

/** Requests with alice's valid session to what is not hers, or not a path. Only what gets a 200 may reach Jupyter. */
export const WITH_SESSION: readonly Attack[] = [
  { attack: "an encoded back slash", line: "GET {P}/api%5c..%5cx HTTP/1.1", status: 400 },
  { attack: "an encoded NUL", line: "GET {P}/api%00 HTTP/1.1", status: 400 },
  { attack: "a step up behind an encoded slash", line: "GET {P}/files/..%2f..%2fapi HTTP/1.1", status: 404 },
  { attack: "a step up in an overlong encoding", line: "GET {P}/%c0%ae%c0%ae/api HTTP/1.1", status: 404 },
  { attack: "a byte that is no UTF-8", line: "GET {P}/api%80 HTTP/1.1", status: 404 },
  { attack: "a tab in the target", line: "GET {P}/a\tb HTTP/1.1", status: 400 },
  { attack: "a fragment", line: "GET {P}/api#x HTTP/1.1", status: 400 },
  { attack: "a target without its slash", line: "GET api HTTP/1.1", status: 400 },
  { attack: "an asterisk for a target", line: "GET * HTTP/1.1", status: 404 },
  { attack: "a foreign host", line: "GET {P}/api HTTP/1.1", headers: ["Host: evil.example"], status: 404 },
  { attack: "an absolute target of a foreign host", line: "GET http://evil.example{P}/api HTTP/1.1", status: 404 },
  { attack: "no host", line: GET, headers: ["Host:"], status: 404 },
  { attack: "a host with a dot at its end", line: GET, headers: ["Host: {NAME}.:1"], status: 403 },
  { attack: "a host with a user", line: GET, headers: ["Host: evil.example@{HOST}"], status: 400 },
  { attack: "a host with a path", line: GET, headers: ["Host: {HOST}/x"], status: 400 },
  { attack: "two hosts in one header", line: GET, headers: ["Host: {HOST}, evil.example"], status: 400 },
  { attack: "an absolute target of a foreign port", line: "GET http://{NAME}:1{P}/api HTTP/1.1", status: 403 },
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
  { attack: "a step up that is half encoded", line: "GET /sessions/a/.%2e/b/api HTTP/1.1", status: 404 },
  { attack: "an encoded slash before the server's name", line: "GET /sessions%2fa/api HTTP/1.1", status: 404 },
  { attack: "an encoded space after the server's path", line: "GET /sessions/a%20/api HTTP/1.1", status: 404 },
  { attack: "a doubled slash that names a host", line: "GET //{HOST}/sessions/a/api HTTP/1.1", status: 404 },
  { attack: "the parent", line: "GET /sessions/ HTTP/1.1", status: 404 },
  { attack: "the root", line: "GET / HTTP/1.1", status: 404 },
];

/** Upgrades to what is no WebSocket, with alice's session. The upgrade may not reach Jupyter: nobody could cut it. */
export const UPGRADES: readonly Attack[] = [
  { upgrade: ["Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"], attack: "an upgrade to HTTP/2" },
  { upgrade: ["Upgrade: websocket, x"], attack: "an upgrade to a WebSocket or something else" },
  { upgrade: ["Upgrade: x", "Upgrade: websocket"], attack: "two upgrades" },
  { upgrade: ["Upgrade: x"], attack: "an upgrade to something unknown" },
  { upgrade: ["Upgrade: x", ...PAGE], attack: "an upgrade of a page" },
].map(({ attack, upgrade }) => ({
  attack,
  line: GET,
  headers: ["Connection: close, Upgrade", ...upgrade],
  status: 200,
}));

const BODY_END = "0\r\n\r\n";

/** Ends of a POST with alice's session, behind which a second request follows without one. */
export const SMUGGLING: readonly {
  readonly attack: string;
  readonly headers: readonly string[];
  readonly body: string;
}[] = [
  { attack: "a length too short", headers: ["Content-Length: 1"], body: "a" },
  { attack: "a length and chunks", headers: ["Content-Length: 200", "Transfer-Encoding: chunked"], body: BODY_END },
  { attack: "a length too often", headers: ["Content-Length: 1, 1"], body: "a" },
  { attack: "a length with a sign", headers: ["Content-Length: +1"], body: "a" },
  { attack: "a hexadecimal length", headers: ["Content-Length: 0x1"], body: "a" },
  { attack: "two transfer codings", headers: ["Transfer-Encoding: chunked", "Transfer-Encoding: x"], body: BODY_END },
  { attack: "a list of transfer codings", headers: ["Transfer-Encoding: identity, chunked"], body: BODY_END },
  { attack: "a tab before the transfer coding", headers: ["Transfer-Encoding:\x0bchunked"], body: BODY_END },
  {
    attack: "a line feed in a chunk's extension",
    headers: ["Transfer-Encoding: chunked"],
    body: `1;\na\r\n${BODY_END}`,
  },
  { attack: "chunks ended by line feeds", headers: ["Transfer-Encoding: chunked"], body: "1\na\n0\n\n" },
  { attack: "a chunk of negative length", headers: ["Transfer-Encoding: chunked"], body: `-1\r\n${BODY_END}` },
  {
    attack: "a chunk of too many digits",
    headers: ["Transfer-Encoding: chunked"],
    body: `${"0".repeat(20)}1\r\na\r\n${BODY_END}`,
  },
  {
    attack: "an identity in the trailer",
    headers: ["Transfer-Encoding: chunked", "Trailer: X-Auth-Request-User"],
    body: "0\r\nX-Auth-Request-User: alice\r\n\r\n",
  },
  {
    attack: "a carriage return in a header",
    headers: ["X-Note: a\rContent-Length: 9", "Content-Length: 1"],
    body: "a",
  },
  { attack: "an expectation", headers: ["Expect: 100-continue", "Content-Length: 1"], body: "a" },
];
