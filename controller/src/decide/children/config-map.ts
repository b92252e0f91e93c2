import { childName } from "@amalthea/api";
import type { ConfigMap } from "kubernetes-types/core/v1.js";
import { isOidc, type ChildContext } from "./child-context.ts";
import { accessPolicy, POLICY_KEY } from "./sidecars/authorization.ts";
import { JUPYTER_NOTEBOOK_CONFIG, JUPYTER_SERVER_CONFIG } from "./jupyter-config.ts";

/** The ConfigMap with Jupyter's configuration and, in OIDC mode, the access policy. */
export function configMap({ server }: ChildContext): ConfigMap {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: childName(server) },
    data: {
      "jupyter_server_config.py": JUPYTER_SERVER_CONFIG,
      "jupyter_notebook_config.py": JUPYTER_NOTEBOOK_CONFIG,
      ...(isOidc(server) ? { [POLICY_KEY]: accessPolicy(server.spec.auth.oidc) } : {}),
    },
  };
}
