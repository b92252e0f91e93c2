import { LABELS, type JupyterServer, type Route } from "@amalthea/api";
import type { EffectiveServer } from "../effective-server.ts";
import type { StartedWith } from "../live/started-with.ts";
import type { DecisionSettings } from "../settings.ts";

/** Input of the builders of children. */
export type ChildContext = {
  readonly server: EffectiveServer;
  readonly settings: DecisionSettings;
  /** What a new pod is started with: where the spec wants the server, unless it is refused that. */
  readonly route: Route;
  /** `ServerRoutes.served`. */
  readonly servedRoute: Route;
  /** The server was created under 0.24, which accepted more than this version. */
  readonly isLegacy: boolean;
};

/** Where a server is reached, and where its spec wants it. */
export type ServerRoutes = {
  /** What the spec requests; undefined without a host. */
  readonly wanted: Route | undefined;
  /** Where the server is reached now: as its pod was started, else as the next one will be. */
  readonly served: Route | undefined;
  /**
   * Another server has the wanted route, while this one has another that it would lose: the move is refused, and
   * whatever else changes or restarts the server leaves it where it is.
   */
  readonly isMoveRefused: boolean;
  /** What a new pod takes its route from when the move is refused; undefined in the legacy layout. */
  readonly kept: StartedWith | undefined;
};

/** Labels that select the server's pod, and only the pod of this very object: a later server may have the same name. */
export function podSelector(server: JupyterServer): Readonly<Record<string, string>> {
  return { [LABELS.app]: server.metadata.name, [LABELS.parentUid]: server.metadata.uid };
}

/** Whether the server has OpenID Connect login. */
export function isOidc(server: JupyterServer): boolean {
  return server.spec.auth.oidc.enabled;
}
