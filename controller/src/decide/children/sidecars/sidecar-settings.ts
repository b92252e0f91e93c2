import type { EnvVar, SecurityContext } from "kubernetes-types/core/v1.js";
import type { SidecarOverrides } from "../../settings.ts";
import { literal } from "../jupyter-container.ts";

/** Nobody in particular, as in the images of oauth2-proxy and of our own service. */
const NOBODY = { runAsUser: 65532, runAsGroup: 65532 };

/** Sidecars write nothing, need no right and run as nobody in particular, or as whom the platform says. */
export function sidecarSecurity({
  securityContext: { runAsUser, runAsGroup } = NOBODY,
}: SidecarOverrides): SecurityContext {
  return {
    ...(runAsUser === undefined ? {} : { runAsUser }),
    ...(runAsGroup === undefined ? {} : { runAsGroup }),
    runAsNonRoot: true,
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ["ALL"] },
    seccompProfile: { type: "RuntimeDefault" },
  };
}

/** The containers of the pod speak to each other directly; not every program takes that for granted. */
const LOOPBACK = "localhost,127.0.0.1";

/** Variables by which a program finds the proxy to the outside; none if there is none. */
export function proxyVariables({ proxy = {} }: SidecarOverrides): EnvVar[] {
  const { httpProxy, httpsProxy, noProxy } = proxy;
  if (httpProxy === undefined && httpsProxy === undefined) return [];
  const variables = {
    HTTP_PROXY: httpProxy,
    HTTPS_PROXY: httpsProxy,
    NO_PROXY: noProxy === undefined ? LOOPBACK : `${LOOPBACK},${noProxy}`,
  };
  return Object.entries(variables).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name, value: literal(value) }],
  );
}
