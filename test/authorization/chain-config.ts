/** Where the parts of one server's access chain listen and what it is called outside. */
export type ChainSettings = {
  /** `/` or `/sessions/a`. */
  readonly basePath: string;
  /** Host names (without port) people use. Other hosts get 404. */
  readonly hosts: readonly string[];
  readonly ports: {
    readonly traefik: number;
    readonly probe: number;
    readonly oauth2Proxy: number;
    readonly authorization: number;
    readonly jupyter: number;
  };
};

/** traefik's start-up configuration. Written as JSON it is also YAML. */
export function traefikStaticConfig({ ports }: ChainSettings, dynamicFolder: string): object {
  return {
    global: { checkNewVersion: false, sendAnonymousUsage: false },
    log: { level: "ERROR" },
    entryPoints: {
      web: {
        address: `:${ports.traefik}`,
        http: {
          sanitizePath: true,
          aliasHeadersStrategy: "delete",
          maxHeaderBytes: 65536,
          // JupyterLab's file names need all but the last two
          encodedCharacters: {
            allowEncodedSlash: true,
            allowEncodedPercent: true,
            allowEncodedQuestionMark: true,
            allowEncodedHash: true,
            allowEncodedSemicolon: true,
            allowEncodedBackSlash: false,
            allowEncodedNullCharacter: false,
          },
        },
        // the default of 60 s covers the whole body and would cut slow uploads
        transport: { respondingTimeouts: { readTimeout: "0s" } },
      },
      probe: { address: `:${ports.probe}`, http: { aliasHeadersStrategy: "delete" } },
    },
    ping: { entryPoint: "probe" },
    providers: { file: { directory: dynamicFolder, watch: true } },
  };
}

/** traefik's routers, middlewares and services. */
export function traefikDynamicConfig(settings: ChainSettings): object {
  const { basePath, hosts, ports } = settings;
  const prefix = basePath === "/" ? "" : basePath;
  const onHost = (rule: string): string =>
    hosts.length === 0 ? rule : `(${hosts.map((host) => `Host(\`${host}\`)`).join(" || ")}) && (${rule})`;
  // with the slash, or /sessions/ab and /sessions/a;x would belong to /sessions/a
  const below = prefix === "" ? "PathPrefix(`/`)" : `Path(\`${prefix}\`) || PathPrefix(\`${prefix}/\`)`;
  const isPage = "(Method(`GET`) || Method(`HEAD`)) && HeaderRegexp(`Accept`, `(^|,) *text/html`)";
  const isUpgrade = "HeaderRegexp(`Upgrade`, `(?i)^websocket$`)";
  const web = ["web"];
  return {
    http: {
      routers: {
        "signed-out": {
          entryPoints: web,
          priority: 110,
          rule: onHost(`Path(\`${prefix}/oauth2/signed-out\`)`),
          middlewares: ["strip", "to-signed-out"],
          service: "authorization",
        },
        oauth2: {
          entryPoints: web,
          priority: 100,
          rule: onHost(`PathPrefix(\`${prefix}/oauth2/\`)`),
          middlewares: ["strip", "login-errors"],
          service: "oauth2-proxy",
        },
        websocket: {
          entryPoints: web,
          priority: 20,
          rule: onHost(`PathPrefix(\`${prefix}/\`) && ${isUpgrade}`),
          middlewares: ["strip", "authenticate", "to-websocket"],
          service: "authorization",
        },
        page: {
          entryPoints: web,
          priority: 12,
          rule: onHost(`(${below}) && ${isPage}`),
          middlewares: ["strip", "page-errors", "authenticate-page", "authorize", "to-jupyter"],
          service: "jupyter",
        },
        api: {
          entryPoints: web,
          priority: 10,
          rule: onHost(below),
          middlewares: ["strip", "api-errors", "authenticate", "authorize", "to-jupyter"],
          service: "jupyter",
        },
        ready: { entryPoints: ["probe"], rule: "Path(`/ready`)", service: "authorization" },
      },
      middlewares: middlewares(prefix, ports),
      services: {
        "oauth2-proxy": loopback(ports.oauth2Proxy),
        authorization: loopback(ports.authorization),
        jupyter: loopback(ports.jupyter),
      },
    },
  };
}

/** Arguments of oauth2-proxy; its two secrets come by environment. */
export type LoginSettings = ChainSettings & {
  /** Scheme, host and port people use. */
  readonly externalOrigin: string;
  readonly issuerUrl: string;
  readonly clientId: string;
  readonly cookieName: string;
  readonly cookieExpire: string;
};

export function oauth2ProxyArgs(settings: LoginSettings): readonly string[] {
  const prefix = settings.basePath === "/" ? "" : settings.basePath;
  return [
    "--provider=oidc",
    `--client-id=${settings.clientId}`,
    `--oidc-issuer-url=${settings.issuerUrl}`,
    "--session-cookie-minimal",
    `--http-address=127.0.0.1:${settings.ports.oauth2Proxy}`,
    "--skip-provider-button",
    "--upstream=static://202",
    "--scope=openid email profile groups",
    "--code-challenge-method=S256",
    "--insecure-oidc-skip-nonce=false",
    "--email-domain=*",
    "--reverse-proxy",
    "--trusted-proxy-ip=127.0.0.1",
    `--proxy-prefix=${prefix}/oauth2`,
    `--redirect-url=${settings.externalOrigin}${prefix}/oauth2/callback`,
    "--set-xauthrequest",
    `--cookie-name=${settings.cookieName}`,
    `--cookie-path=${prefix}/`,
    `--cookie-expire=${settings.cookieExpire}`,
    "--cookie-samesite=lax",
    "--cookie-secure",
    "--cookie-csrf-per-request",
    "--cookie-csrf-per-request-limit=3",
    "--silence-ping-logging",
    "--request-logging=false",
  ];
}

const IDENTITY_HEADERS = ["User", "Email", "Groups", "Preferred-Username"].map((name) => `X-Auth-Request-${name}`);

/** What a client may not say about itself: identity, and what traefik or the auth services say about the request. */
const STRIPPED_HEADERS = [
  ...IDENTITY_HEADERS,
  "X-Auth-Request-Access-Token",
  "X-Auth-Request-Redirect",
  ...["User", "Email", "Groups", "Preferred-Username", "Access-Token", "Uri", "Method", "Prefix"].map(
    (name) => `X-Forwarded-${name}`,
  ),
  "X-Original-Url",
  "X-Rewrite-Url",
  "X-Http-Method-Override",
];

function middlewares(prefix: string, ports: ChainSettings["ports"]): object {
  const authenticate = (path: string): object => ({
    forwardAuth: {
      address: `http://127.0.0.1:${ports.oauth2Proxy}${path}`,
      trustForwardHeader: false,
      authRequestHeaders: ["Accept", "Cookie", "Authorization", "User-Agent"],
      authResponseHeaders: IDENTITY_HEADERS,
      maxResponseBodySize: 65536,
    },
  });
  const errors = (status: readonly string[]): object => ({
    errors: { status, service: "authorization", query: "/error/{status}" },
  });
  return {
    strip: { headers: { customRequestHeaders: removed(STRIPPED_HEADERS) } },
    authenticate: authenticate(`${prefix}/oauth2/auth`),
    "authenticate-page": authenticate("/"),
    authorize: {
      forwardAuth: {
        address: `http://127.0.0.1:${ports.authorization}/authorize`,
        trustForwardHeader: false,
        authRequestHeaders: ["Accept", "Authorization", "Cookie", "Origin", "Sec-Fetch-Site", "X-Auth-Request-User"],
        authResponseHeaders: ["Cookie"],
        maxResponseBodySize: 65536,
      },
    },
    "to-jupyter": { headers: { customRequestHeaders: removed(["Authorization", ...IDENTITY_HEADERS]) } },
    "to-websocket": { addPrefix: { prefix: "/websocket" } },
    "to-signed-out": { replacePath: { path: "/signed-out" } },
    // traefik answers 500 when an auth service is gone, 502 or 504 when Jupyter is
    "page-errors": errors(["500-599"]),
    "login-errors": errors(["502", "504"]), // oauth2-proxy has error pages of its own
    "api-errors": errors(["502", "504"]), // a 500 may be Jupyter's own, with a message for the user
  };
}

function removed(names: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(names.map((name) => [name, ""])); // an empty value deletes the header
}

function loopback(port: number): object {
  return { loadBalancer: { servers: [{ url: `http://127.0.0.1:${port}` }] } };
}
