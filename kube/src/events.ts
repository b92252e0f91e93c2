import type { Event } from "kubernetes-types/events/v1.js";
import { jitter } from "./backoff.ts";
import type { KubeClient } from "./client.ts";
import { type Clock, onAbort, systemClock, withDeadline } from "./clock.ts";
import { ApiError, isAlreadyExists } from "./errors.ts";
import { isFull, takeToken, type TokenBucket } from "./event-budget.ts";
import { kinds } from "./kinds.ts";
import { microTime } from "./lease-lock.ts";
import { type Logger, silentLogger } from "./logger.ts";
import type { KubeObject, Live } from "./objects.ts";

export type NewEvent = {
  /** The object it is about; `apiVersion` and `kind` must be set in it. */
  readonly regarding: Live<KubeObject>;
  readonly type: "Normal" | "Warning";
  /** Why, as one CamelCase word. */
  readonly reason: string;
  /** What we did or tried, as one CamelCase word. */
  readonly action: string;
  /** For people. Cut at 1 024 bytes. */
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

const QUEUE_LENGTH = 1_000;

/** @see https://github.com/kubernetes/kubernetes/blob/master/pkg/apis/core/validation/events.go NoteLengthLimit */
const NOTE_BYTES = 1_024;

/** @see https://github.com/kubernetes/client-go/blob/master/tools/events/event_broadcaster.go maxTriesPerEvent, sleepDuration */
const TRIES = 12;
const RETRY_MS = 10_000;

const TIDY_MS = 30_000;
const LAST_SENDS_MS = 5_000;

/**
 * Writes Kubernetes Events without ever delaying or failing its caller. They are not aggregated: they report
 * transitions.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #buckets = new Map<string, TokenBucket>();
  #queue: Event[] = [];
  #wake: () => void = () => {};
  #named = 0;
  #tidiedMs = 0;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
  }

  /** Returns at once; the event is sent by `run`. */
  record(event: NewEvent): void {
    const nowMs = this.#clock.monotonicMs();
    this.#tidyWhenDue(nowMs);
    const { uid } = event.regarding.metadata;
    const bucket = takeToken(this.#buckets.get(uid), nowMs);
    if (bucket === undefined) return this.#options.onDropped?.("Spam");
    this.#buckets.set(uid, bucket);
    if (this.#queue.length >= QUEUE_LENGTH) return this.#options.onDropped?.("QueueFull");
    this.#queue.push(this.#manifest(event));
    this.#wake();
  }

  /** Sends until the signal is aborted, then what remains, for at most 5 seconds. */
  async run(signal: AbortSignal): Promise<void> {
    const forget = onAbort(signal, () => this.#wake());
    while (!signal.aborted) {
      const event = this.#queue.shift();
      if (event === undefined) await this.#idle(signal);
      else await this.#sendWithRetries(event, signal).catch(() => this.#queue.unshift(event));
    }
    forget();
    await withDeadline(this.#clock, LAST_SENDS_MS, new AbortController().signal, async (deadline) => {
      for (const event of this.#queue.splice(0)) {
        if (deadline.aborted) return;
        await this.#send(event, deadline).catch(() => this.#options.onDropped?.("Refused"));
      }
    });
  }

  /** Until there is something to send. */
  async #idle(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    if (signal.aborted) resolve();
    await promise;
  }

  /** Forgets the objects whose budget is full again. */
  #tidyWhenDue(nowMs: number): void {
    if (nowMs - this.#tidiedMs < TIDY_MS) return;
    this.#tidiedMs = nowMs;
    for (const [uid, bucket] of this.#buckets) if (isFull(bucket, nowMs)) this.#buckets.delete(uid);
  }

  /** @throws the signal's reason; any other failure only loses the event. */
  async #sendWithRetries(event: Event, signal: AbortSignal): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#send(event, signal);
      } catch (error) {
        signal.throwIfAborted();
        const refused = error instanceof ApiError && error.code < 500 && error.code !== 429;
        if (refused || attempt >= TRIES) {
          this.#options.onDropped?.("Refused");
          this.#logger.debug({ reason: event.reason, err: error }, "event not sent");
          return;
        }
        await this.#clock.sleep(jitter(RETRY_MS, 0.75, 1.25, Math.random), signal);
      }
    }
  }

  async #send(event: Event, signal: AbortSignal): Promise<void> {
    try {
      await this.#options.client.create(kinds.Event, event, {}, signal);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error; // sent already, and the response was lost
    }
  }

  #manifest({ regarding, type, reason, action, note }: NewEvent): Event {
    const now = this.#clock.now();
    const { name } = regarding.metadata;
    const unique = (BigInt(now.getTime()) * 1_000_000n + BigInt(this.#named++ % 1_000_000)).toString(16);
    return {
      apiVersion: "events.k8s.io/v1",
      kind: "Event",
      metadata: { name: `${name}.${unique}`, namespace: regarding.metadata.namespace ?? "default" },
      eventTime: microTime(now),
      reportingController: this.#options.controller,
      reportingInstance: this.#options.instance,
      type,
      reason,
      action,
      note: cut(note, NOTE_BYTES),
      regarding: reference(regarding),
    };
  }
}

function reference({ apiVersion, kind, metadata }: Live<KubeObject>): NonNullable<Event["regarding"]> {
  const { name, namespace, uid, resourceVersion } = metadata;
  return {
    ...(apiVersion === undefined ? {} : { apiVersion }),
    ...(kind === undefined ? {} : { kind }),
    ...(namespace === undefined ? {} : { namespace }),
    name,
    uid,
    resourceVersion,
  };
}

/** The beginning of a text, truncated to a number of bytes at a character boundary. */
function cut(text: string, maxBytes: number): string {
  if (Buffer.byteLength(text) <= maxBytes) return text;
  const { written } = new TextEncoder().encodeInto(text, new Uint8Array(maxBytes));
  return Buffer.from(text).subarray(0, written).toString("utf8");
}
