import { prefixOf } from "@amalthea/api";
import { parseBearerSettings, type BearerSettings } from "./bearer/settings.ts";
import { parseJson } from "./json.ts";
import type { EmailSettings } from "./session/email.ts";
import { parseOrigin } from "./same-origin.ts";
import type { Upstream } from "./request-path.ts";
import { isWebAddress } from "./web-address.ts";

/** A host and port on the loopback interface. */
export type LoopbackAddress = { readonly host: string; readonly port: number };

/** Everything that can be set. README.md explains each to administrators. */
export type AuthorizationConfig = {
  readonly serverName: string;
  readonly cookieName: string;
  /** `/` or `/sessions/a`: never with a slash at the end otherwise. */
  readonly basePath: string;
  /** Public addresses, as browsers write an Origin. Empty: the request's own host counts. */
  readonly origins: readonly string[];
  readonly policyDirectory: string;
  readonly listen: LoopbackAddress;
  readonly loginService: LoopbackAddress;
  readonly jupyter: LoopbackAddress;
  readonly upstreams: readonly Upstream[];
  readonly provider: ProviderConfig;
  readonly email: EmailSettings;
  /** How long a session lasts from the sign-in; 0 is for ever. */
  readonly sessionSeconds: number;
  /** After which a session in use is renewed with the provider; 0: never. */
  readonly renewSeconds: number;
  /** How long renewals may fail, other than by a refusal, before the session ends. */
  readonly renewalGraceSeconds: number;
  /** Where sessions are kept while the process restarts; undefined: nowhere. */
  readonly sessionDirectory: string | undefined;
  readonly sessionCheckSeconds: number;
  readonly sessionGraceSeconds: number;
  readonly socketLifeSeconds: number;
  /** Key that requests for the server's activity must present; undefined: it is not reported. */
  readonly activityKey: string | undefined;
  /** Port, on all addresses, at which the activity is reported. */
  readonly activityPort: number;
  readonly logLevel: LogLevel;
  /** Tokens that give access without a session. Undefined: none. */
  readonly bearer: BearerSettings | undefined;
};

/** The provider at which people sign in. */
export type ProviderConfig = {
  /** Where its metadata is; undefined: it is not queried. */
  readonly issuerUrl: string | undefined;
  /** Files with certificate authorities, in PEM, besides the public ones. */
  readonly caFiles: readonly string[];
  /** Scopes of oauth2-proxy that are defaults: omitted if the provider does not support them. */
  readonly optionalScopes: readonly string[];
  /** As which client to end sessions at the provider when somebody signs out; undefined: they go on. */
  readonly endSessionsAs: string | undefined;
};

export type LogLevel = "debug" | "info";

/** Names every mistake in the environment, not only the first. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the whole configuration. @throws ConfigError */
export function readConfig(env: Environment): AuthorizationConfig {
  const problems: string[] = [];
  const read = <T>(name: string, fallback: string | undefined, parse: (text: string) => T): T => {
    const text = env[name] ?? fallback;
    try {
      if (text === undefined) throw new Error("is required");
      return parse(text);
    } catch (error) {
      problems.push(`${name} ${error instanceof Error ? error.message : String(error)}`);
      return undefined as T; // never used: readConfig throws when there is a problem
    }
  };
  const basePath = read("AMALTHEA_BASE_PATH", "/", parseBasePath);
  const jupyter = read("AMALTHEA_JUPYTER_URL", "http://127.0.0.1:8888", parseLoopbackUrl);
  const config = {
    serverName: read("AMALTHEA_SERVER_NAME", undefined, parseText),
    cookieName: read("AMALTHEA_COOKIE_NAME", undefined, parseCookieName),
    basePath,
    origins: read("AMALTHEA_ORIGINS", "", parseOrigins),
    policyDirectory: read("AMALTHEA_POLICY_DIRECTORY", "/etc/amalthea/policy", parseText),
    listen: read("AMALTHEA_LISTEN", "127.0.0.1:4182", (text) => parseLoopbackUrl(`http://${text}`)),
    loginService: read("AMALTHEA_LOGIN_URL", "http://127.0.0.1:4181", parseLoopbackUrl),
    jupyter,
    upstreams: read("AMALTHEA_UPSTREAMS", "", (text) =>
      text === "" ? [{ path: `${prefixOf(basePath)}/`, ...jupyter }] : parseUpstreams(text),
    ),
    provider: {
      issuerUrl: read("AMALTHEA_ISSUER_URL", "", parseIssuerUrl),
      caFiles: read("AMALTHEA_PROVIDER_CA_FILE", "", (text) => text.split(",").filter((file) => file !== "")),
      optionalScopes: read("AMALTHEA_OPTIONAL_SCOPES", "", (text) => text.split(" ").filter((scope) => scope !== "")),
      endSessionsAs: read("AMALTHEA_END_PROVIDER_SESSIONS_AS", "", parseOptional),
    },
    email: {
      claim: read("AMALTHEA_EMAIL_CLAIM", "email", parseText),
      verification: read("AMALTHEA_EMAIL_VERIFICATION", "Required", parseVerification),
    },
    sessionSeconds: read("AMALTHEA_SESSION_SECONDS", "43200", parseLifetime),
    renewSeconds: read("AMALTHEA_RENEW_SECONDS", "180", parseLifetime),
    renewalGraceSeconds: read("AMALTHEA_RENEWAL_GRACE_SECONDS", "3600", parseLifetime),
    sessionDirectory: read("AMALTHEA_SESSION_DIRECTORY", "", parseOptional),
    sessionCheckSeconds: read("AMALTHEA_SESSION_CHECK_SECONDS", "5", parseSeconds),
    sessionGraceSeconds: read("AMALTHEA_SESSION_GRACE_SECONDS", "30", parseSeconds),
    socketLifeSeconds: read("AMALTHEA_SOCKET_LIFE_SECONDS", "86400", parseSeconds),
    activityKey: read("AMALTHEA_ACTIVITY_KEY", "", (text) => (text === "" ? undefined : parseKey(text))),
    activityPort: read("AMALTHEA_ACTIVITY_PORT", "4184", parsePort),
    logLevel: read("AMALTHEA_LOG_LEVEL", "info", parseLogLevel),
    bearer: read("AMALTHEA_BEARER", "", parseBearerSettings),
  } satisfies AuthorizationConfig;
  if (problems.length > 0) throw new ConfigError(problems.join("; "));
  return config;
}

function parseText(text: string): string {
  if (text === "") throw new Error("must not be empty");
  return text;
}

/** A cookie name is a token (RFC 6265, 4.1.1). */
function parseCookieName(text: string): string {
  if (!/^[\w!#$%&'*+.^`|~-]+$/.test(text)) throw new Error("must be a cookie name");
  return text;
}

function parseBasePath(text: string): string {
  if (text === "/") return text;
  if (!/^(\/[^/?#%\\\s]+)+$/.test(text) || /\/\.{1,2}(\/|$)/.test(text)) {
    throw new Error('must be "/" or a path such as "/sessions/a", without a slash at its end');
  }
  return text;
}

function parseOrigins(text: string): readonly string[] {
  const origins = text.split(",").filter((origin) => origin !== "");
  const wrong = origins.filter((origin) => parseOrigin(origin) === undefined);
  if (wrong.length > 0) throw new Error(`must list addresses such as https://a.example.org, not ${wrong.join(", ")}`);
  return origins;
}

/** Cookies and requests of people who are not yet authorized go to these addresses: only loopback is allowed. */
function parseLoopbackUrl(text: string): LoopbackAddress {
  const url = URL.parse(text);
  const port = url?.port === "" ? 80 : Number(url?.port);
  const isLoopback = url !== null && ["127.0.0.1", "[::1]", "localhost"].includes(url.hostname);
  if (!isLoopback || url.protocol !== "http:" || url.pathname !== "/" || url.search !== "") {
    throw new Error("must be an http address on loopback, such as http://127.0.0.1:8888");
  }
  return { host: url.hostname.replaceAll(/[[\]]/g, ""), port };
}

function parseOptional(text: string): string | undefined {
  return text === "" ? undefined : text;
}

function parseVerification(text: string): EmailSettings["verification"] {
  if (text !== "Required" && text !== "UnlessFalse" && text !== "Ignored") {
    throw new Error("must be Required, UnlessFalse or Ignored");
  }
  return text;
}

function parseIssuerUrl(text: string): string | undefined {
  if (text === "") return undefined;
  if (!isWebAddress(text)) throw new Error("must be an address that begins with https://");
  return text;
}

function parseUpstreams(text: string): readonly Upstream[] {
  const complaint = 'must be JSON such as [{"path": "/", "url": "http://127.0.0.1:8888"}]';
  const items: unknown = parseJson(text, complaint);
  if (!Array.isArray(items)) throw new Error(complaint);
  return items.map((item: unknown) => {
    const { path, url } = (item ?? {}) as Readonly<Record<string, unknown>>; // checked in the next line
    if (typeof path !== "string" || !path.startsWith("/") || typeof url !== "string") throw new Error(complaint);
    return { path, ...parseLoopbackUrl(url) };
  });
}

/** Shorter ones could be guessed by anyone who reaches the port. */
const MIN_KEY_LENGTH = 32;

function parseKey(text: string): string {
  if (text.length < MIN_KEY_LENGTH || !/^[\x21-\x7e]+$/.test(text)) {
    throw new Error(`must have at least ${MIN_KEY_LENGTH} characters, without spaces`);
  }
  return text;
}

function parsePort(text: string): number {
  const port = Number(text);
  if (text === "" || !Number.isInteger(port) || port < 0 || port > 65_535) throw new Error("must be a port number");
  return port;
}

/** Timers hold 24 days at most; a longer one would fire at once. */
const MAX_SECONDS = 2_000_000;

function parseSeconds(text: string): number {
  const seconds = Number(text);
  const isValid = text !== "" && seconds > 0 && seconds <= MAX_SECONDS;
  if (!isValid) throw new Error(`must be a number of seconds above 0, and ${MAX_SECONDS} at most`);
  return seconds;
}

function parseLifetime(text: string): number {
  const seconds = Number(text);
  if (text === "" || !(seconds >= 0)) throw new Error("must be a number of seconds, or 0");
  return seconds;
}

function parseLogLevel(text: string): LogLevel {
  if (text !== "debug" && text !== "info") throw new Error("must be debug or info");
  return text;
}
