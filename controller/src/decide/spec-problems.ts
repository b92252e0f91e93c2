import type { JupyterServer, Route } from "@amalthea/api";
import { isReservedVariable } from "./children/jupyter-container.ts";
import type { Problem } from "./plan-facts.ts";

/**
 * What in a spec can never work. The CRD refuses most of it; an object stored before it could may have it nevertheless.
 *
 * @param route Undefined when the spec has no host.
 */
export function specProblems({ spec }: JupyterServer, route: Route | undefined): readonly Problem[] {
  const reserved = (spec.jupyterServer.env ?? []).find(({ name }) => isReservedVariable(name));
  return [
    ...(route === undefined
      ? [invalid("routing.host", "the host is missing; set the name people reach the server by")]
      : []),
    ...(reserved === undefined
      ? []
      : [invalid("jupyterServer.env", `${reserved.name} is set by the controller; use another name`)]),
    ...(spec.auth.oidc.enabled ? oidcProblems(spec.auth.oidc) : []),
  ];
}

function oidcProblems(oidc: JupyterServer["spec"]["auth"]["oidc"]): readonly Problem[] {
  const { issuerUrl, clientId, clientSecret } = oidc;
  const { name, key } = clientSecret?.secretKeyRef ?? {};
  const hasSecret = clientSecret?.value !== undefined || (name !== undefined && key !== undefined);
  return [
    ...(issuerUrl === undefined || issuerUrl === ""
      ? [invalid("auth.oidc.issuerUrl", "the provider's address is missing")]
      : []),
    ...(clientId === undefined || clientId === "" ? [invalid("auth.oidc.clientId", "the client id is missing")] : []),
    ...(hasSecret ? [] : [invalid("auth.oidc.clientSecret", "give a value, or name and key of a Secret")]),
  ];
}

function invalid(field: string, message: string): Problem {
  return { kind: "InvalidSpec", field, message };
}
