import { ROUTING_PATH_PATTERN, type JupyterServer, type Route } from "@amalthea/api";
import { isReservedVariable } from "./jupyter-container.ts";
import type { Problem } from "../facts.ts";
import { quantityProblems } from "./quantity-problems.ts";
import { isLoginPossible } from "./spec-warnings.ts";

/**
 * What in a spec can never work. The CRD rejects most of it; an object that was stored before may still have it.
 *
 * @param route Undefined when the spec has no host.
 * @param isLegacy The server was created under 0.24.
 */
export function specProblems(server: JupyterServer, route: Route | undefined, isLegacy: boolean): readonly Problem[] {
  const { spec } = server;
  const reserved = (spec.jupyterServer.env ?? []).find(({ name }) => isReservedVariable(name));
  return [
    ...(route === undefined
      ? [invalid("routing.host", "the host is missing; set it to the host name of the server")]
      : []),
    ...(isBlank(spec.auth.token)
      ? [invalid("auth.token", "white space only is not a token; omit it to have one generated")]
      : []),
    ...quantityProblems(server),
    ...(reserved === undefined
      ? []
      : [invalid("jupyterServer.env", `${reserved.name} is set by the controller; use another name`)]),
    ...(spec.auth.oidc.enabled
      ? [
          ...oidcProblems(spec.auth.oidc),
          ...loginProblems(route, isLegacy),
          ...pathProblems(route),
          ...externalHostProblems(route),
        ]
      : []),
  ];
}

/** Legacy objects get a warning instead: 0.24 accepted them. */
function loginProblems(route: Route | undefined, isLegacy: boolean): readonly Problem[] {
  if (route === undefined || isLoginPossible(route.origin) || isLegacy) return [];
  const message =
    "browsers keep a login only on https; enable TLS here, or set routing.externalUrl if TLS is terminated elsewhere";
  return [invalid("routing.tls.enabled", message)];
}

/**
 * The login lives on the host that browsers use: its cookies, its return address and the origin that requests must have.
 * What arrives under another host, as a proxy in front may make it, is refused, so the two must be one.
 */
function externalHostProblems(route: Route | undefined): readonly Problem[] {
  if (route === undefined) return [];
  const host = route.origin.replace(/^https?:\/\//, "").replace(/:\d+$/, "");
  if (host === route.host.toLowerCase()) return [];
  const message = `with a login its host must be routing.host, which is ${route.host}; set both to the public host name`;
  return [invalid("routing.externalUrl", message)];
}

/**
 * Without a login such a path may work, depending on the ingress controller; the login's cookies and routes cannot
 * carry it.
 */
function pathProblems(route: Route | undefined): readonly Problem[] {
  if (route === undefined || new RegExp(ROUTING_PATH_PATTERN).test(route.path)) return [];
  return [invalid("routing.path", "use only a-z, A-Z, 0-9 and -._~@:,=&!' between its slashes")];
}

/** Jupyter trims its token, and without one it is open to everybody; an empty one in the spec means just that. */
function isBlank(token: string | undefined): boolean {
  return token !== undefined && token !== "" && token.trim() === "";
}

type OidcSpec = JupyterServer["spec"]["auth"]["oidc"];

function oidcProblems(oidc: OidcSpec): readonly Problem[] {
  const { issuerUrl = "", clientId = "", clientSecret } = oidc;
  const { name, key } = clientSecret?.secretKeyRef ?? {};
  const hasSecret = clientSecret?.value !== undefined || (name !== undefined && key !== undefined);
  return [
    ...(issuerUrl === "" ? [invalid("auth.oidc.issuerUrl", "the issuer URL is missing")] : []),
    ...(clientId === "" ? [invalid("auth.oidc.clientId", "the client id is missing")] : []),
    ...(hasSecret ? [] : [invalid("auth.oidc.clientSecret", "give a value, or name and key of a Secret")]),
    ...(oidc.allowAnyUser && hasList(oidc)
      ? [invalid("auth.oidc.allowAnyUser", "it contradicts the lists of authorized users; remove one of the two")]
      : []),
  ];
}

function hasList({ userId, authorizedUserIds, authorizedEmails, authorizedGroups }: OidcSpec): boolean {
  return [userId ?? "", ...(authorizedUserIds ?? []), ...authorizedEmails, ...authorizedGroups].some(
    (entry) => entry !== "",
  );
}

function invalid(field: string, message: string): Problem {
  return { kind: "InvalidSpec", field, message };
}
