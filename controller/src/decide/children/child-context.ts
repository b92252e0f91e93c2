import { LABELS, type JupyterServer, type Route } from "@amalthea/api";
import type { DecisionSettings } from "../settings.ts";

/** What the builders of children work from. */
export type ChildContext = {
  readonly server: JupyterServer;
  readonly settings: DecisionSettings;
  /** What a new pod is started with: where the spec wants the server, unless it is refused that. */
  readonly route: Route;
  /** Where the server is reached now: as its running pod was started, else as the next one will be. */
  readonly servedRoute: Route;
};

/** Labels that select the server's pod, and only the pod of this very object: a later server may have the same name. */
export function podSelector(server: JupyterServer): Readonly<Record<string, string>> {
  return { [LABELS.app]: server.metadata.name, [LABELS.parentUid]: server.metadata.uid };
}

/** Whether the server asks for login at an OpenID Connect provider. */
export function isOidc(server: JupyterServer): boolean {
  return server.spec.auth.oidc.enabled;
}
