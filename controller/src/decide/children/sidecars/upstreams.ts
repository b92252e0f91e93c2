import { PORTS, prefixOf, type Route } from "@amalthea/api";
import { BEARER_FLAGS, takeBearerArgs, type LoginOptions, type PatchedBearer } from "./bearer.ts";
import { isFlagSet, lastValue, valuesOf } from "./flags.ts";
import { EMAIL_CLAIM, NO_UPSTREAM } from "./oauth2-proxy.ts";
import { CA_FLAG } from "./patched-environment.ts";

/** Where authorized requests go: a path prefix that ends in a slash, and an address on loopback without a path. */
export type Upstream = { readonly path: string; readonly url: string };

/** What patches have made of the arguments of oauth2-proxy. */
export type PatchedArgs = {
  /** As they are passed on. */
  readonly args: readonly string[];
  /** The server itself first, then what patches added below it. */
  readonly upstreams: readonly Upstream[];
  /** Arguments that would let requests in without a login; not passed on. */
  readonly skipAuthRoutes: readonly string[];
  /** An upstream that cannot be in the pod; undefined if all are valid. */
  readonly refused: string | undefined;
  /** How long oauth2-proxy accepts a session, in seconds; 0 is for ever, undefined if it cannot be read. */
  readonly sessionSeconds: number | undefined;
  readonly emailClaim: string;
  /** Domains of e-mail addresses that oauth2-proxy is told to admit; it admits all, and authorizes nobody. */
  readonly emailDomains: readonly string[];
  /** `--insecure-oidc-allow-unverified-email`. */
  readonly allowsUnverifiedEmail: boolean;
  readonly bearer: PatchedBearer;
};

const ALLOW_UNVERIFIED_EMAIL = "--insecure-oidc-allow-unverified-email";
const EMAIL_DOMAIN = "--email-domain=";
const UPSTREAM = "--upstream=";
/** Routes, and addresses of clients, that need no login in oauth2-proxy. */
const SKIP_AUTH = ["--skip-auth-route=", "--skip-auth-regex=", "--trusted-ip="];

/**
 * Reads the arguments after patches. oauth2-proxy forwards nothing: where a client's patch replaced the upstream or added
 * one, traefik forwards there instead, behind the same checks as everything else.
 */
export function readPatchedArgs(patched: readonly string[], route: Route, login: LoginOptions): PatchedArgs {
  const { args: given, bearer } = takeBearerArgs(joined(patched), login);
  const skipAuthRoutes = given.filter((arg) => SKIP_AUTH.some((prefix) => arg.startsWith(prefix)));
  const urls = given
    .filter((arg) => arg.startsWith(UPSTREAM) && arg !== NO_UPSTREAM)
    .map((arg) => arg.slice(UPSTREAM.length));
  const parsed = urls.map(parseUpstream);
  const isReplaced = !given.includes(NO_UPSTREAM);
  const others = given
    .filter((arg) => !arg.startsWith(UPSTREAM) && !skipAuthRoutes.includes(arg))
    .map((arg) => (arg.startsWith(EMAIL_CLAIM) ? `${EMAIL_CLAIM}sub` : arg));
  return {
    // In the place that 0.24 has it in, so that the arguments read like its own.
    args: [...others.slice(0, UPSTREAM_INDEX), NO_UPSTREAM, ...others.slice(UPSTREAM_INDEX)],
    upstreams: arrange(
      parsed.filter((upstream) => upstream !== undefined),
      isReplaced,
      route,
    ),
    skipAuthRoutes,
    refused: urls.find((_url, index) => parsed[index] === undefined),
    sessionSeconds: secondsOf(lastValue(given, COOKIE_EXPIRE)),
    // oauth2-proxy lets nobody sign in without an address; which one counts is decided by the authorization service.
    emailClaim: lastValue(given, EMAIL_CLAIM) ?? "email",
    emailDomains: valuesOf(given, EMAIL_DOMAIN).filter((domain) => domain !== "*"),
    allowsUnverifiedEmail: isFlagSet(given, ALLOW_UNVERIFIED_EMAIL),
    bearer,
  };
}

const UPSTREAM_INDEX = 6;

const COOKIE_EXPIRE = "--cookie-expire=";

const SECONDS: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1, ms: 0.001 };

/** Seconds of a duration as Go writes it: `12h`, `1h30m`, `90s`. */
function secondsOf(duration = ""): number | undefined {
  if (duration === "0") return 0;
  if (!/^(\d+(\.\d+)?(h|ms|m|s))+$/.test(duration)) return undefined;
  const terms = [...duration.matchAll(/([\d.]+)(ms|[hms])/g)];
  return terms.reduce((sum, [, amount, unit = ""]) => sum + Number(amount) * (SECONDS[unit] ?? 0), 0);
}

/** `--flag value` in two arguments means the same as `--flag=value`. */
function joined(args: readonly string[]): readonly string[] {
  const flags = [UPSTREAM, COOKIE_EXPIRE, EMAIL_CLAIM, EMAIL_DOMAIN, CA_FLAG, ...SKIP_AUTH, ...BEARER_FLAGS].map(
    (prefix) => prefix.slice(0, -1),
  );
  return args.flatMap((arg, index) => {
    if (index > 0 && flags.includes(args[index - 1] ?? "")) return [];
    return flags.includes(arg) ? [`${arg}=${args[index + 1] ?? ""}`] : [arg];
  });
}

/** The first one is the server itself if it replaced ours, or if it has no path. */
function arrange(given: readonly Upstream[], isReplaced: boolean, route: Route): readonly Upstream[] {
  const base = `${prefixOf(route.path)}/`;
  const main = isReplaced ? given[0] : given.find(({ path }) => path === "/" || path === base);
  const rest = given.filter((upstream) => upstream !== main);
  return [{ path: base, url: main?.url ?? `http://127.0.0.1:${PORTS.jupyter}` }, ...rest];
}

/** Each route to an upstream repeats its path several times. */
const MAX_UPSTREAM_LENGTH = 2_048;

/** Only what listens on the pod's own loopback: the pod must not become a gateway into the cluster's network. */
function parseUpstream(text: string): Upstream | undefined {
  if (text.length > MAX_UPSTREAM_LENGTH) return undefined;
  const match = /^(http:\/\/(?:127\.0\.0\.1|localhost)(?::\d{1,5})?)(\/[^?#%\\\s]*)?$/.exec(text);
  const [, url, path = "/"] = match ?? [];
  return url === undefined ? undefined : { url, path: path.endsWith("/") ? path : `${path}/` };
}
