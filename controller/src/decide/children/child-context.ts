import { LABELS, type JupyterServer, type Route } from "@amalthea/api";
import type { EffectiveServer } from "../effective-server.ts";
import type { StartedWith } from "../live/started-with.ts";
import type { DecisionSettings } from "../settings.ts";

/** Input of the child builders. */
export type ChildContext = {
  readonly server: EffectiveServer;
  readonly settings: DecisionSettings;
  /** What a new pod is started with: the route in the spec, unless that is refused. */
  readonly route: Route;
  /** `ServerRoutes.served`. */
  readonly servedRoute: Route;
  /** The server was created under 0.24, which accepted more than this version. */
  readonly isLegacy: boolean;
};

/** Where a server is reached, and the route that its spec requests. */
export type ServerRoutes = {
  /** What the spec requests; undefined without a host. */
  readonly wanted: Route | undefined;
  /** Where the server is reached now: as its pod was started, else as the next one will be. */
  readonly served: Route | undefined;
  /**
   * Another server has the requested route, while this one has another that it would lose: the move is refused,
   * and other changes and restarts of the server keep its route.
   */
  readonly isMoveRefused: boolean;
  /** What a new pod takes its route from when the move is refused; undefined in the legacy layout. */
  readonly kept: StartedWith | undefined;
};

/** Labels that select the server's pod, and only that of this very object: a later server may have the same name. */
export function podSelector(server: JupyterServer): Readonly<Record<string, string>> {
  return { [LABELS.app]: server.metadata.name, [LABELS.parentUid]: server.metadata.uid };
}

/** Whether the server has OpenID Connect login. */
export function isOidc(server: JupyterServer): boolean {
  return server.spec.auth.oidc.enabled;
}
