import type { CallResult, KubeClient } from "./client.ts";
import type { Clock } from "./clock.ts";
import type { KubeConfig } from "./kube-config.ts";
import type { Logger } from "./logger.ts";

export type ClientOptions = {
  readonly config: KubeConfig;
  /** `name/version`. The name is also the field manager of writes that give none. */
  readonly userAgent: string;
  /** Called after each attempt, for metrics. */
  readonly onResult?: ((result: CallResult) => void) | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
  readonly logger?: Logger | undefined;
};

/** A client on long-lived connections: 16 for calls, one more for each watch. */
export declare function createClient(options: ClientOptions): KubeClient;
