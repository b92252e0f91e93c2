import { PORTS, prefixOf, type Route } from "@amalthea/api";
import { LIVENESS_PATHS } from "./liveness.ts";
import { loginPrefix } from "./oauth2-proxy.ts";
import type { Upstream } from "./upstreams.ts";

/** Headers by which proxies pass on the user and the original request; from outside they are forged. */
const REMOVED_HEADERS = [
  ...["User", "Email", "Groups", "Preferred-Username", "Access-Token", "Redirect"].map(
    (name) => `X-Auth-Request-${name}`,
  ),
  ...["User", "Email", "Groups", "Preferred-Username", "Access-Token", "Uri", "Method", "Prefix"].map(
    (name) => `X-Forwarded-${name}`,
  ),
  "X-Original-Url",
  "X-Rewrite-Url",
  "X-Http-Method-Override",
];

/**
 * Response headers of one server that affect others: its service worker could serve its whole host; it could delete the
 * cookies of every host of its domain, including the provider's; and have the browser report requests to its host.
 */
const REMOVED_ANSWER_HEADERS = ["Service-Worker-Allowed", "Clear-Site-Data", "NEL", "Report-To"];

const LOGIN_URL = `http://127.0.0.1:${PORTS.oauth2Proxy}`;
const AUTHORIZATION_URL = `http://127.0.0.1:${PORTS.authorization}`;

/** Above every route to an upstream, whose priority grows with the length of its path. */
const LOGIN_PRIORITY = 1_000_000;

/** Of the routes to the server itself. */
const MAIN_PRIORITY = 10;

/**
 * How long the proxy waits for a page that explains a failure, before it responds without: the page's own server may
 * hang.
 */
const EXPLANATION_TIMEOUT = "2s";

/** Responses of the login services are headers and a small page. */
const MAX_ANSWER_BYTES = 65_536;

/**
 * Routes of the proxy in front of everything, as the text of its file. The authorization service checks each request,
 * serves all of the login's own paths, and proxies the WebSockets: it is the one place where they can be closed.
 *
 * @param acceptsTokens Whether a token of the provider gives access without a session.
 */
export function authProxyRoutes(route: Route, upstreams: readonly Upstream[], acceptsTokens: boolean): string {
  const http = {
    routers: Object.assign(
      {},
      fixedRouters(route),
      ...upstreams.map((upstream, index) => upstreamRouters(route, upstream, index)),
      ...(acceptsTokens ? upstreams.map((upstream, index) => tokenRouters(route, upstream, index)) : []),
    ) as unknown,
    middlewares: middlewares(route),
    services: {
      login: service(LOGIN_URL),
      authorization: service(AUTHORIZATION_URL),
      explanations: service(AUTHORIZATION_URL, "brief"),
      ...Object.fromEntries(upstreams.map(({ url }, index) => [upstreamName(index), service(url)])),
    },
    serversTransports: { brief: { forwardingTimeouts: { responseHeaderTimeout: EXPLANATION_TIMEOUT } } },
  };
  return withoutTemplates(JSON.stringify({ http }));
}

/** The file may hold templates, which would be run: a brace in a value is written so that YAML alone sees it. */
function withoutTemplates(json: string): string {
  return json.replaceAll(/"(?:[^"\\]|\\.)*"/g, (text) => text.replaceAll("{", "\\u007b"));
}

function service(url: string, serversTransport?: string): unknown {
  return { loadBalancer: { servers: [{ url }], ...(serversTransport === undefined ? {} : { serversTransport }) } };
}

function upstreamName(index: number): string {
  return `upstream-${index}`;
}

function fixedRouters(route: Route): Readonly<Record<string, unknown>> {
  const login = loginPrefix(route);
  const web = { entryPoints: ["web"] };
  return {
    ...(route.path === "/" ? {} : { "base-path": basePathRouter(route) }),
    login: {
      ...web,
      priority: LOGIN_PRIORITY,
      rule: onHosts(route, `PathPrefix(${quoted(`${login}/`)})`),
      middlewares: ["few-at-once", "strip", "explain-no-answer", ...(route.path === "/" ? [] : ["login-path"])],
      service: "authorization",
    },
    // The item "Log Out" of JupyterLab's menu, and of older ones.
    "log-out": {
      ...web,
      priority: LOGIN_PRIORITY,
      rule: onHosts(route, `Path(${quoted(`${prefixOf(route.path)}/logout`)}) && ${IS_READ}`),
      middlewares: ["sign-out"],
      service: "authorization", // the redirect answers
    },
    kernel: kernelRouter(route),
    ready: probed("/ready", "authorization"),
    "login-alive": { ...probed(LIVENESS_PATHS.login, "login"), middlewares: ["ping"] },
    "authorization-alive": { ...probed(LIVENESS_PATHS.authorization, "authorization"), middlewares: ["healthz"] },
  };
}

const IS_UPGRADE = "HeaderRegexp(`Upgrade`, `(?i)^websocket$`)";

const IS_READ = "(Method(`GET`) || Method(`HEAD`))";

/**
 * The published address has no trailing slash, and browsers do not send the cookies of the path `/a/` to `/a`: without
 * the slash the login would loop.
 */
function basePathRouter(route: Route): unknown {
  return {
    entryPoints: ["web"],
    priority: LOGIN_PRIORITY,
    rule: onHosts(route, `Path(${quoted(route.path)}) && ${IS_READ}`),
    middlewares: ["add-slash"],
    service: "authorization", // the redirect answers
  };
}

function probed(path: string, toService: string): Readonly<Record<string, unknown>> {
  return { entryPoints: ["probe"], priority: 1, rule: `Path(${quoted(path)})`, service: toService };
}

/**
 * What an open notebook requests when its WebSocket has ended. JupyterLab takes any response but 424 and 503 as the
 * death of the kernel and never reconnects, although the kernel lives; with these it retries until the user has signed
 * in.
 */
function kernelRouter(route: Route): unknown {
  const kernel = `${prefixOf(route.path)}/api/kernels/`;
  const isOneKernel = `PathPrefix(${quoted(kernel)}) && PathRegexp(\`/api/kernels/[^/]+$\`)`;
  return {
    entryPoints: ["web"],
    priority: MAIN_PRIORITY + 1,
    rule: onHosts(route, `${isOneKernel} && Method(\`GET\`) && Header(\`Sec-Fetch-Site\`, \`same-origin\`)`),
    middlewares: ["many-at-once", "strip", "ask-again-later", "ask-again-signed-in", "authorize", "to-upstream"],
    service: upstreamName(0),
  };
}

/**
 * Only under the public host names: a request for any other host, even by an absolute target, belongs elsewhere. If TLS
 * is terminated in front, the request may have the Ingress's host or the public one.
 */
function onHosts({ host, origin }: Route, rule: string): string {
  const seen = origin.replace(/^https?:\/\//, "").replace(/:\d+$/, "");
  const hosts = new Set([host, seen]);
  const isOurs = [...hosts].map((name) => `Host(${quoted(name)})`).join(" || ");
  return `(${isOurs}) && (${rule})`;
}

/** Longer paths win: each added upstream lies above the server's own routes, and its three routes among themselves. */
function upstreamRouters(route: Route, upstream: Upstream, index: number): Readonly<Record<string, unknown>> {
  const { all, below, first } = matchOf(upstream, index);
  const web = { entryPoints: ["web"] };
  const toUpstream = { ...web, service: upstreamName(index) };
  return {
    [`web-socket-${index}`]: {
      ...web,
      priority: first + 10,
      rule: onHosts(route, `${below} && ${IS_UPGRADE}`),
      middlewares: ["many-at-once", "strip", "web-socket"],
      service: "authorization",
    },
    [`page-${index}`]: {
      ...toUpstream,
      priority: first + 2,
      rule: onHosts(route, `${all} && ${IS_READ} && HeaderRegexp(\`Accept\`, \`(^|,) *text/html\`)`),
      middlewares: ["many-at-once", "strip", "explain", "authorize", "to-upstream"],
    },
    [`request-${index}`]: {
      ...toUpstream,
      priority: first,
      rule: onHosts(route, all),
      middlewares: ["many-at-once", "strip", "explain-no-answer", "authorize", "to-upstream"],
    },
  };
}

/** The same for requests with a token: they are counted by it, and never redirected to the login. */
function tokenRouters(route: Route, upstream: Upstream, index: number): Readonly<Record<string, unknown>> {
  const { all, below, first } = matchOf(upstream, index);
  const hasToken = "HeaderRegexp(`Authorization`, `(?i)^(bearer|token)( |$)`)";
  const web = { entryPoints: ["web"] };
  return {
    [`web-socket-token-${index}`]: {
      ...web,
      priority: first + 12,
      rule: onHosts(route, `${below} && ${IS_UPGRADE} && ${hasToken}`),
      middlewares: ["many-by-token", "strip", "web-socket"],
      service: "authorization",
    },
    [`token-${index}`]: {
      ...web,
      priority: first + 4,
      rule: onHosts(route, `${all} && ${hasToken}`),
      middlewares: ["many-by-token", "strip", "explain-no-answer", "authorize-token", "to-upstream"],
      service: upstreamName(index),
    },
  };
}

type Match = { readonly all: string; readonly below: string; readonly first: number };

/** Rules for the paths of an upstream, and the lowest priority of its routes. */
function matchOf({ path }: Upstream, index: number): Match {
  const bare = path.slice(0, -1);
  const below = `PathPrefix(${quoted(path)})`;
  const all = bare === "" ? below : `(Path(${quoted(bare)}) || ${below})`;
  return { all, below, first: index === 0 ? MAIN_PRIORITY : MAIN_PRIORITY + 20 + path.length };
}

function middlewares(route: Route): Readonly<Record<string, unknown>> {
  return {
    "many-at-once": atOnce(512),
    "few-at-once": atOnce(64),
    "many-by-token": { inFlightReq: { amount: 512, sourceCriterion: { requestHeaderName: "Authorization" } } },
    strip: removeHeaders(REMOVED_HEADERS),
    authorize: authorize(FORWARDED_HEADERS),
    "authorize-token": authorize([...FORWARDED_HEADERS, "X-XSRFToken"]),
    // Jupyter has no token: its own checks of Origin and XSRF stay on as long as nothing looks like one. What is switched
    // to another protocol cannot be checked and cut any more; WebSockets do not come this way.
    "to-upstream": {
      headers: {
        ...removeHeaders(["Authorization", "Upgrade"]).headers,
        customResponseHeaders: Object.fromEntries(REMOVED_ANSWER_HEADERS.map((name) => [name, ""])),
      },
    },
    "add-slash": redirect("^[^?]*([?].*)?$", `${route.path}/\${1}`),
    "sign-out": redirect(".*", `${loginPrefix(route)}/sign_out`),
    // What the authorization service knows as `/oauth2/...`.
    "login-path": { stripPrefix: { prefixes: [prefixOf(route.path)] } },
    "web-socket": { addPrefix: { prefix: "/websocket" } },
    ping: { replacePath: { path: "/ping" } },
    healthz: { replacePath: { path: "/healthz" } },
    // The proxy answers 500 for a login service that is gone, 502 or 504 for an upstream.
    explain: explain("500-599"),
    // A 500 may be Jupyter's own, whose message its clients show.
    "explain-no-answer": explain("502", "504"),
    "ask-again-later": {
      errors: {
        status: ["500-504"],
        service: "explanations",
        query: "/error/503",
        statusRewrites: { "500-504": 503 },
      },
    },
    "ask-again-signed-in": {
      errors: {
        status: ["401"],
        service: "explanations",
        query: "/session-over",
        statusRewrites: { "401": 424 },
      },
    },
  };
}

/**
 * Headers that the authorization service writes, in place of what a client sends: the cookies without the session's own,
 * which are nothing for Jupyter, and who somebody is.
 */
const FORWARDED_HEADERS: readonly string[] = [
  "Cookie",
  "X-Forwarded-User",
  "X-Forwarded-Email",
  "X-Forwarded-Preferred-Username",
];

function authorize(authResponseHeaders: readonly string[]): unknown {
  return {
    forwardAuth: {
      address: `${AUTHORIZATION_URL}/authorize`,
      trustForwardHeader: false,
      authRequestHeaders: ["Accept", "Authorization", "Cookie", "Origin", "Sec-Fetch-Site"],
      authResponseHeaders,
      preserveLocationHeader: true, // the way to the login, without scheme and host
      maxResponseBodySize: MAX_ANSWER_BYTES,
    },
  };
}

/**
 * Concurrent requests with the same cookies on a route; the next gets 429. A browser sends some dozens. Those without a
 * cookie are counted together, and not towards anyone with a session.
 */
function atOnce(amount: number): unknown {
  return { inFlightReq: { amount, sourceCriterion: { requestHeaderName: "Cookie" } } };
}

function explain(...status: readonly string[]): unknown {
  return { errors: { status, service: "explanations", query: "/error/{status}" } };
}

/** Without scheme and host, so that it holds under every name of the server. */
function redirect(regex: string, replacement: string): unknown {
  return { redirectRegex: { regex, replacement } };
}

function removeHeaders(names: readonly string[]): { readonly headers: object } {
  return { headers: { customRequestHeaders: Object.fromEntries(names.map((name) => [name, ""])) } };
}

/** A string of the rule language, which has the escapes of Go. */
function quoted(text: string): string {
  return JSON.stringify(text);
}
