import type { Clock } from "./clock.ts";
import type { KubeClient } from "./client.ts";
import type { Logger } from "./logger.ts";
import type { KubeObject, Live } from "./objects.ts";

export type NewEvent = {
  /** The object it is about; `apiVersion` and `kind` must be set in it. */
  readonly regarding: Live<KubeObject>;
  readonly related?: Live<KubeObject> | undefined;
  readonly type: "Normal" | "Warning";
  /** Why, as one CamelCase word. */
  readonly reason: string;
  /** What we did or tried, as one CamelCase word. */
  readonly action: string;
  /** For people. Cut at 1 024 bytes. Not part of what makes two events the same. */
  readonly note: string;
};

export type EventRecorderOptions = {
  readonly client: KubeClient;
  /** `reportingController`, a qualified name such as `amalthea.dev/controller`. */
  readonly controller: string;
  /** `reportingInstance`: the pod's name. */
  readonly instance: string;
  readonly clock?: Clock | undefined;
  readonly logger?: Logger | undefined;
  /** Called for each event that was not sent, for a metric. */
  readonly onDropped?: ((reason: "QueueFull" | "Spam" | "Refused") => void) | undefined;
};

/** Writes Kubernetes Events without ever holding up or failing its caller. */
export declare class EventRecorder {
  constructor(options: EventRecorderOptions);
  /** Returns at once. */
  record(event: NewEvent): void;
  /** Sends until the signal is aborted, then what is left, for at most 5 seconds. */
  run(signal: AbortSignal): Promise<void>;
}
