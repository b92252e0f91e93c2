import {
  ACTIVITY_PORT_NAME,
  childName,
  CONTAINERS,
  PORTS,
  SECRET_KEYS,
  type JupyterServer,
  type Oidc,
} from "@amalthea/api";
import type { Container, EnvVar, Volume } from "kubernetes-types/core/v1.js";
import { literal } from "../jupyter-container.ts";
import type { ChildContext } from "../child-context.ts";
import { LIVENESS_PATHS, livenessThroughProxy } from "./liveness.ts";
import { bearerEnvironment } from "./bearer.ts";
import { optionalScopes, SESSION_DEFAULTS, sessionCookieName } from "./oauth2-proxy.ts";
import type { Authorities } from "./patched-environment.ts";
import { sidecarResources, sidecarSecurity } from "./sidecar-settings.ts";
import type { PatchedArgs } from "./upstreams.ts";

const POLICY_DIRECTORY = "/etc/amalthea/policy";
const POLICY_VOLUME = "access-policy";
/** Of the container's: where it keeps the sessions. */
export const SESSIONS_DIRECTORY = "/var/lib/amalthea/sessions";
const SESSIONS_VOLUME = "login-sessions";

/** Of the container's: where the provider's certificate authorities are mounted, if there are some. */
export const AUTHORITIES_DIRECTORY = "/etc/amalthea/authorities";

/** Key of the ConfigMap, and name of the file, of the access policy. */
export const POLICY_KEY = "policy.json";

/**
 * The access policy, as the authorization service reads it. It is mounted as a directory: a change reaches a running
 * pod.
 */
export function accessPolicy(oidc: Oidc): string {
  const { allowAnyUser, userId, authorizedUserIds, authorizedEmails, authorizedGroups, sessionsNotBefore } = oidc;
  const userIds = [...(userId === undefined || userId === "" ? [] : [userId]), ...(authorizedUserIds ?? [])];
  const lists = { userIds, emails: authorizedEmails, groups: authorizedGroups };
  const present = Object.entries(lists).filter(([, entries]) => entries.length > 0);
  return JSON.stringify({
    ...(allowAnyUser ? { allowAnyUser } : {}),
    ...Object.fromEntries(present),
    sessionsNotBefore,
  });
}

/** How oauth2-proxy reaches the provider, and so the authorization service. */
export type ToProvider = {
  /** Variables that name a proxy for outgoing requests. */
  readonly wayOut: readonly EnvVar[];
  readonly authorities: Authorities;
};

/**
 * The container that decides who is authorized and proxies the WebSockets. The proxy's readiness probe asks it for
 * Jupyter's.
 */
export function authorization(
  context: ChildContext,
  { upstreams, sessionSeconds, emailClaim, allowsUnverifiedEmail, bearer }: Omit<PatchedArgs, "args">,
  { wayOut, authorities }: ToProvider,
): Container {
  const { server, settings, route, isLegacy } = context;
  const { oidc } = server.spec.auth;
  const session = { ...SESSION_DEFAULTS, ...oidc.session };
  const environment = {
    AMALTHEA_SERVER_NAME: server.metadata.name,
    AMALTHEA_COOKIE_NAME: sessionCookieName(server.metadata.uid, route),
    AMALTHEA_BASE_PATH: route.path,
    AMALTHEA_ORIGINS: route.origin,
    AMALTHEA_POLICY_DIRECTORY: POLICY_DIRECTORY,
    AMALTHEA_UPSTREAMS: JSON.stringify(upstreams),
    AMALTHEA_SESSION_DIRECTORY: SESSIONS_DIRECTORY,
    AMALTHEA_RENEW_SECONDS: String(session.renewalSeconds),
    AMALTHEA_RENEWAL_GRACE_SECONDS: String(session.graceSeconds),
    AMALTHEA_EMAIL_CLAIM: emailClaim,
    AMALTHEA_EMAIL_VERIFICATION: emailVerification(oidc.allowUnverifiedEmail || allowsUnverifiedEmail, isLegacy),
    AMALTHEA_ISSUER_URL: oidc.issuerUrl ?? "",
    ...(oidc.endProviderSession === true ? { AMALTHEA_END_PROVIDER_SESSIONS_AS: oidc.clientId ?? "" } : {}),
    AMALTHEA_OPTIONAL_SCOPES: optionalScopes(oidc).join(" "),
    ...(authorities.files.length === 0 ? {} : { AMALTHEA_PROVIDER_CA_FILE: authorities.files.join(",") }),
    ...(sessionSeconds === undefined ? {} : { AMALTHEA_SESSION_SECONDS: String(sessionSeconds) }),
    ...bearerEnvironment(oidc, bearer),
  };
  return {
    name: CONTAINERS.authorization,
    image: settings.images.authorization,
    env: [
      ...Object.entries(environment).map(([name, value]) => ({ name, value: literal(value) })),
      activityKey(server),
      ...wayOut,
    ],
    ports: [{ name: ACTIVITY_PORT_NAME, containerPort: PORTS.activity, protocol: "TCP" }],
    resources: sidecarResources(context, "authorization"),
    livenessProbe: livenessThroughProxy(LIVENESS_PATHS.authorization),
    securityContext: sidecarSecurity(settings.sidecars),
    volumeMounts: [
      { name: POLICY_VOLUME, mountPath: POLICY_DIRECTORY, readOnly: true },
      { name: SESSIONS_VOLUME, mountPath: SESSIONS_DIRECTORY },
      ...authorities.mounts,
    ],
  };
}

/** Under 0.24 an address counted unless the provider said that it is not verified. */
function emailVerification(isIgnored: boolean, isLegacy: boolean): string {
  if (isIgnored) return "Ignored";
  return isLegacy ? "UnlessFalse" : "Required";
}

/**
 * Grants its bearer access to the server's activity. The Secret of an earlier version gets it at the next start by us.
 */
function activityKey(server: JupyterServer): EnvVar {
  const secretKeyRef = { name: childName(server), key: SECRET_KEYS.activityKey, optional: true };
  return { name: "AMALTHEA_ACTIVITY_KEY", valueFrom: { secretKeyRef } };
}

/** The volume with the policy file. */
export function policyVolume({ server }: ChildContext): Volume {
  return {
    name: POLICY_VOLUME,
    configMap: { name: childName(server), items: [{ key: POLICY_KEY, path: POLICY_KEY }] },
  };
}

/** In memory, and in no other container: a restart of this one ends no session, and restores none. */
export const SESSIONS: Volume = { name: SESSIONS_VOLUME, emptyDir: { medium: "Memory", sizeLimit: "16Mi" } };
