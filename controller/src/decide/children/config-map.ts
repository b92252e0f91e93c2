import { childName } from "@amalthea/api";
import type { ConfigMap } from "kubernetes-types/core/v1.js";
import { isOidc, type ChildContext } from "./child-context.ts";
import { accessPolicy, POLICY_KEY } from "./sidecars/authorization.ts";
import { JUPYTERLAB_SETTINGS, JUPYTER_CONFIG_FILES } from "./jupyter-config.ts";

/** Key of JupyterLab's settings, which it reads from a separate folder. */
export const JUPYTERLAB_SETTINGS_KEY = "default_setting_overrides.json";

/** The ConfigMap with Jupyter's configuration and, in OIDC mode, the access policy. */
export function configMap({ server }: ChildContext): ConfigMap {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: childName(server) },
    data: {
      ...JUPYTER_CONFIG_FILES,
      [JUPYTERLAB_SETTINGS_KEY]: JUPYTERLAB_SETTINGS,
      ...(isOidc(server) ? { [POLICY_KEY]: accessPolicy(server.spec.auth.oidc) } : {}),
    },
  };
}
