import { isPathWithin, routeOf, type JupyterServer } from "@amalthea/api";
import type { Warning } from "../facts.ts";
import { filesBySpec } from "../live/files.ts";

/**
 * What works and is probably not what was intended.
 *
 * @param isLegacy The server was created under 0.24, which accepted a login on plain http, and addresses of unknown standing.
 */
export function specWarnings(server: JupyterServer, isLegacy: boolean): readonly Warning[] {
  return [...accessWarnings(server, isLegacy), ...storageWarnings(server)];
}

function accessWarnings(server: JupyterServer, isLegacy: boolean): readonly Warning[] {
  const { token, tokenSecretRef, oidc } = server.spec.auth;
  if (!oidc.enabled) return token === "" && tokenSecretRef === undefined ? [{ kind: "OpenServer" }] : [];
  const route = routeOf(server);
  const isInsecure = route !== undefined && !isLoginPossible(route.origin) && isLegacy;
  return [
    ...(isInsecure ? [{ kind: "InsecureLogin", host: route.host } as const] : []),
    ...(isLegacy && oidc.authorizedEmails.length > 0 && !oidc.allowUnverifiedEmail
      ? [{ kind: "UnverifiedEmailsCount" } as const]
      : []),
    ...(hasCriterion(oidc) ? [] : [{ kind: "NobodyAuthorized" } as const]),
  ];
}

/** Browsers keep the session cookie, which is for secure connections only, also on plain http for localhost. */
export function isLoginPossible(origin: string): boolean {
  return origin.startsWith("https:") || /^http:\/\/([^/]+\.)?localhost(:\d+)?$/.test(origin);
}

function hasCriterion(oidc: JupyterServer["spec"]["auth"]["oidc"]): boolean {
  const { allowAnyUser, userId, authorizedUserIds, authorizedEmails, authorizedGroups } = oidc;
  const entries = [...(authorizedUserIds ?? []), ...authorizedEmails, ...authorizedGroups];
  return allowAnyUser || entries.length > 0 || (userId ?? "") !== "";
}

function storageWarnings(server: JupyterServer): readonly Warning[] {
  const { isOnVolume, rootDir, mountPath } = filesBySpec(server);
  if (!isOnVolume) return server.spec.jupyterServer.hibernated ? [{ kind: "HibernatedWithoutVolume" }] : [];
  return isPathWithin(rootDir, mountPath) ? [] : [{ kind: "RootDirOutsideVolume", rootDir, mountPath }];
}
