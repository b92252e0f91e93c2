import { childName, CONTAINERS, PORTS, prefixOf, SECRET_KEYS, type Oidc, type Route } from "@amalthea/api";
import type { Container, EnvVarSource, VolumeMount } from "kubernetes-types/core/v1.js";
import type { ChildContext } from "../child-context.ts";
import { literal } from "../jupyter-container.ts";
import { LIVENESS_PATHS, livenessThroughProxy } from "./liveness.ts";
import { goEnvironment } from "./memory.ts";
import { CA_FLAG } from "./patched-environment.ts";
import { proxyVariables, sidecarResources, sidecarSecurity } from "./sidecar-settings.ts";

/** What oauth2-proxy does with an authorized request: nothing but respond 202. traefik asks, and forwards by itself. */
export const NO_UPSTREAM = "--upstream=static://202";

/** The claim with the address. The pod uses another one: see `readPatchedArgs`. */
export const EMAIL_CLAIM = "--oidc-email-claim=";

/** Where the provider's private certificate authority is mounted. */
const TRUSTED_CA_DIRECTORY = "/etc/oauth2-proxy/ca";

/** Name of the volume with the provider's certificate authority; there only if `trustedCA` is set. */
export const TRUSTED_CA_VOLUME = "trusted-ca";

/**
 * The container that signs people in. Its first seven arguments are those of 0.24, in their order: patches
 * address them by index (the seventh is the upstream), and append to them.
 */
export function oauth2Proxy(context: ChildContext): Container {
  const { server, settings, route } = context;
  const { oidc } = server.spec.auth;
  const resources = sidecarResources(context, "oauth2Proxy");
  return {
    name: CONTAINERS.oauth2Proxy,
    image: settings.images.oauth2Proxy,
    args: [
      ...legacyArgs(oidc),
      ...loginArgs(oidc, route),
      ...sessionArgs(server.metadata.uid, route, oidc),
      ...(settings.sidecars.oauth2Proxy?.extraArgs ?? []),
    ].map(literal),
    env: [
      { name: "OAUTH2_PROXY_COOKIE_SECRET", valueFrom: ownKey(server, SECRET_KEYS.oauth2ProxyCookieSecret) },
      { name: "OAUTH2_PROXY_CLIENT_SECRET", valueFrom: clientSecret(server, oidc) },
      ...goEnvironment(resources),
      ...proxyVariables(settings.sidecars),
    ],
    resources,
    livenessProbe: livenessThroughProxy(LIVENESS_PATHS.login),
    // Its last lines, which say why it cannot use the provider, are then in the pod's status.
    terminationMessagePolicy: "FallbackToLogsOnError",
    securityContext: sidecarSecurity(settings.sidecars),
    volumeMounts: trustedCAMounts(oidc),
  };
}

function trustedCAMounts({ trustedCA }: Oidc): VolumeMount[] {
  return trustedCA === undefined ? [] : [{ name: TRUSTED_CA_VOLUME, mountPath: TRUSTED_CA_DIRECTORY, readOnly: true }];
}

/**
 * Name of the session cookie: unique per server, because servers share hosts. The prefixes make the browser refuse a
 * cookie of this name that another host or a plain connection sets.
 */
export function sessionCookieName(serverUid: string, route: Pick<Route, "path">): string {
  return `${route.path === "/" ? "__Host-" : "__Secure-"}amalthea-${serverUid}`;
}

/** Path of the login's own pages, below the server's. */
export function loginPrefix(route: Route): string {
  return `${prefixOf(route.path)}/oauth2`;
}

function legacyArgs(oidc: Oidc): string[] {
  return [
    "--provider=oidc",
    `--client-id=${oidc.clientId ?? ""}`,
    `--oidc-issuer-url=${oidc.issuerUrl ?? ""}`,
    "--session-cookie-minimal=false", // it needs the refresh token; the pod keeps the session, and no browser sees it
    `--http-address=127.0.0.1:${PORTS.oauth2Proxy}`,
    "--skip-provider-button",
    NO_UPSTREAM,
  ];
}

function loginArgs(oidc: Oidc, route: Route): string[] {
  const { discovery, trustedCA, extraAudiences, groupsClaim, emailClaim } = oidc;
  return [
    `--scope=${(givenScopes(oidc) ?? ["openid", ...optionalScopes(oidc)]).join(" ")}`,
    "--code-challenge-method=S256",
    "--insecure-oidc-skip-nonce=false",
    "--email-domain=*", // who is authorized is decided by the authorization service
    `--oidc-groups-claim=${groupsClaim}`,
    `${EMAIL_CLAIM}${emailClaim}`,
    // For the authorization service, which reads the address and whether it is verified.
    ...["--set-xauthrequest", "--pass-access-token", "--set-authorization-header"],
    ...(extraAudiences ?? []).map((audience) => `--oidc-extra-audience=${audience}`),
    ...(trustedCA === undefined ? [] : [`${CA_FLAG}${TRUSTED_CA_DIRECTORY}/${trustedCA.key}`]),
    ...(discovery === undefined
      ? []
      : [
          "--skip-oidc-discovery",
          `--login-url=${discovery.loginUrl}`,
          `--redeem-url=${discovery.redeemUrl}`,
          `--oidc-jwks-url=${discovery.jwksUrl}`,
        ]),
    "--reverse-proxy",
    "--trusted-proxy-ip=127.0.0.1",
    `--proxy-prefix=${loginPrefix(route)}`,
    `--redirect-url=${route.origin}${loginPrefix(route)}/callback`,
  ];
}

/** Undefined if the spec leaves the scopes to us. */
function givenScopes({ scopes }: Oidc): readonly string[] | undefined {
  return scopes !== undefined && scopes.length > 0 ? scopes : undefined;
}

/** Scopes that are defaults: not every provider knows them, and the authorization service leaves out what it does not. */
export function optionalScopes(oidc: Oidc): readonly string[] {
  if (givenScopes(oidc) !== undefined) return [];
  return ["email", "profile", ...(oidc.authorizedGroups.length > 0 ? ["groups"] : [])];
}

/** How long a session lasts, and how often it is renewed, in seconds, unless the spec says otherwise. */
export const SESSION_DEFAULTS = { lengthSeconds: 43_200, renewalSeconds: 180, graceSeconds: 3_600 } as const;

function sessionArgs(serverUid: string, route: Route, { session }: Oidc): string[] {
  const { lengthSeconds, renewalSeconds } = { ...SESSION_DEFAULTS, ...session };
  return [
    `--cookie-name=${sessionCookieName(serverUid, route)}`,
    `--cookie-path=${route.path === "/" ? "/" : `${route.path}/`}`,
    "--cookie-secure=true", // on plain http browsers keep such cookies for localhost, and for no other host
    "--cookie-samesite=lax",
    `--cookie-expire=${lengthSeconds}s`,
    // It renews with every request, and the authorization service sends one when a renewal is due.
    ...(renewalSeconds === 0 ? [] : ["--cookie-refresh=1s"]),
    "--cookie-csrf-per-request=true",
    "--cookie-csrf-per-request-limit=3",
    "--silence-ping-logging",
    "--request-logging=false",
    // No page of it is shown to anybody: the authorization service reads in it why a login failed.
    "--show-debug-on-error=true",
    "--auth-logging=false", // it has the e-mail address of everybody who signs in
    // Some messages quote the request: escaped, they cannot write lines of their own.
    '--standard-logging-format=[{{.Timestamp}}] [{{.File}}] {{printf "%q" .Message}}',
  ];
}

function ownKey(server: ChildContext["server"], key: string): EnvVarSource {
  return { secretKeyRef: { name: childName(server), key } };
}

function clientSecret(server: ChildContext["server"], { clientSecret: given }: Oidc): EnvVarSource {
  const { name, key } = given?.secretKeyRef ?? {};
  return name === undefined || key === undefined
    ? ownKey(server, SECRET_KEYS.oidcClientSecret)
    : { secretKeyRef: { name, key } };
}
