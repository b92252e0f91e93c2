import type { CullingReason } from "@amalthea/api";

/** Seconds by limit; 0: none. */
export type LimitSeconds = Readonly<Record<CullingReason, number>>;

/** What an administrator says of the limits of servers. */
export type CullingSettings = {
  /** Whether limits are enforced; otherwise the status only shows when they would be. */
  readonly enforced: boolean;
  /** For servers that set none. */
  readonly defaults: LimitSeconds;
  /** No server exceeds them, whatever its spec says. */
  readonly maximums: LimitSeconds;
  /** Whether a server without a volume may be hibernated, which deletes its files. */
  readonly hibernateWithoutVolume: boolean;
  /** Whether an open tab counts as activity although nobody types: a kernel's or the login's open WebSocket. */
  readonly openTabsAreActivity: boolean;
  /** Millicores above which a pod's CPU use counts as activity, by the metrics API; 0: it does not, and is not read. */
  readonly cpuUsageMillicoresIdleThreshold: number;
  /**
   * How many seconds in advance a condition and an Event announce that a limit hibernates or deletes a server; 0: not
   * at all.
   */
  readonly warnSeconds: number;
  /** Seconds after which a server whose activity cannot be read says so in a condition. */
  readonly unknownAfterSeconds: number;
};

export const NO_LIMITS: LimitSeconds = { Idle: 0, MaximumAge: 0, Starting: 0, Failed: 0, Hibernated: 0 };

/** Of a chart without values. */
export const DEFAULT_CULLING: CullingSettings = {
  enforced: true,
  defaults: NO_LIMITS,
  maximums: NO_LIMITS,
  hibernateWithoutVolume: false,
  openTabsAreActivity: true,
  cpuUsageMillicoresIdleThreshold: 0,
  warnSeconds: 0,
  unknownAfterSeconds: 600,
};
