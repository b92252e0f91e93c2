import type { Event } from "kubernetes-types/events/v1.js";
import { jitter } from "./backoff.ts";
import type { KubeClient } from "./client.ts";
import { type Clock, systemClock } from "./clock.ts";
import { withDeadline } from "./deadline.ts";
import { ApiError, isAlreadyExists, isNotFound } from "./errors.ts";
import { isFull, isOver, mustSend, seenAgain, type Series, takeToken, type TokenBucket } from "./event-series.ts";
import { kinds } from "./kinds.ts";
import { microTime } from "./lease-lock.ts";
import { type Logger, silentLogger } from "./logger.ts";
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
  readonly random?: (() => number) | undefined;
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

const TICK_MS = 30_000;
const LAST_SENDS_MS = 5_000;

type Entry = { readonly event: Event & { readonly metadata: { name: string; namespace: string } }; series: Series };

/** Writes Kubernetes Events without ever holding up or failing its caller. */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** By what makes two events the same. */
  readonly #entries = new Map<string, Entry>();
  readonly #buckets = new Map<string, TokenBucket>();
  #queue: Entry[] = [];
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
    const { type, reason, action, regarding, related } = event;
    const key = JSON.stringify([type, reason, action, regarding.metadata.uid, related?.metadata.uid]);
    const entry = this.#entries.get(key);
    if (entry !== undefined && !isOver(entry.series, nowMs)) {
      entry.series = seenAgain(entry.series, nowMs);
      if (mustSend(entry.series, nowMs)) this.#enqueue(entry);
      return;
    }
    const bucket = takeToken(this.#buckets.get(regarding.metadata.uid), nowMs);
    if (bucket === undefined) return this.#options.onDropped?.("Spam");
    this.#buckets.set(regarding.metadata.uid, bucket);
    const series = { count: 1, sentCount: 0, lastSeenMs: nowMs, lastSentMs: nowMs };
    const created = { event: this.#manifest(event), series };
    this.#entries.set(key, created);
    if (entry !== undefined && mustSend(entry.series, nowMs)) this.#enqueue(entry);
    this.#enqueue(created);
  }

  /** Sends until the signal is aborted, then what is left, for at most 5 seconds. */
  async run(signal: AbortSignal): Promise<void> {
    const onAbort = (): void => this.#wake();
    signal.addEventListener("abort", onAbort, { once: true });
    while (!signal.aborted) {
      this.#tidyWhenDue();
      const entry = this.#queue.shift();
      if (entry === undefined) await this.#idle(signal);
      else await this.#sendWithRetries(entry, signal).catch(() => this.#queue.unshift(entry));
    }
    signal.removeEventListener("abort", onAbort);
    await withDeadline(this.#clock, LAST_SENDS_MS, new AbortController().signal, async (deadline) => {
      for (const entry of this.#queue.splice(0)) {
        if (deadline.aborted) return;
        await this.#send(entry, deadline).catch(() => this.#options.onDropped?.("Refused"));
      }
    });
  }

  #enqueue(entry: Entry): void {
    if (this.#queue.includes(entry)) return;
    if (this.#queue.length >= QUEUE_LENGTH) return this.#options.onDropped?.("QueueFull");
    this.#queue.push(entry);
    this.#wake();
  }

  /** Until there is something to send, or the next look at what has been counted. */
  async #idle(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    if (signal.aborted) resolve();
    const cancel = this.#clock.setTimeout(resolve, TICK_MS);
    await promise;
    cancel();
  }

  /** Writes the last count of series that are over, and forgets them: also while there is always something to send. */
  #tidyWhenDue(): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#tidiedMs < TICK_MS) return;
    this.#tidiedMs = nowMs;
    for (const [key, entry] of this.#entries) {
      if (mustSend(entry.series, nowMs)) this.#enqueue(entry);
      if (isOver(entry.series, nowMs)) this.#entries.delete(key);
    }
    for (const [uid, bucket] of this.#buckets) if (isFull(bucket, nowMs)) this.#buckets.delete(uid);
  }

  /** @throws the signal's reason; whatever else goes wrong only costs the event. */
  async #sendWithRetries(entry: Entry, signal: AbortSignal): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#send(entry, signal);
      } catch (error) {
        signal.throwIfAborted();
        const refused = error instanceof ApiError && error.code < 500 && error.code !== 429;
        if (refused || attempt >= TRIES) {
          this.#options.onDropped?.("Refused");
          this.#logger.debug({ reason: entry.event.reason, err: error }, "event not sent");
          return;
        }
        await this.#clock.sleep(jitter(RETRY_MS, 0.75, 1.25, this.#options.random ?? Math.random), signal);
      }
    }
  }

  async #send(entry: Entry, signal: AbortSignal): Promise<void> {
    const { client } = this.#options;
    const { event } = entry;
    const { count, sentCount } = entry.series;
    const series = { count, lastObservedTime: microTime(this.#clock.now()) };
    try {
      if (sentCount === 0) await client.create(kinds.Event, count > 1 ? { ...event, series } : event, {}, signal);
      else await client.patch(kinds.Event, event.metadata, { kind: "Merge", body: { series } }, {}, signal);
    } catch (error) {
      // Sent already, and the answer was lost; or the API server has dropped it: Events live for an hour.
      if (!isAlreadyExists(error) && !(sentCount > 0 && isNotFound(error))) throw error;
      if (isNotFound(error)) await client.create(kinds.Event, { ...event, series }, {}, signal);
    }
    entry.series = { ...entry.series, sentCount: count, lastSentMs: this.#clock.monotonicMs() };
  }

  #manifest({ regarding, related, type, reason, action, note }: NewEvent): Entry["event"] {
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
      ...(related === undefined ? {} : { related: reference(related) }),
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

/** The beginning of a text that has at most so many bytes, without half a character at its end. */
function cut(text: string, maxBytes: number): string {
  if (Buffer.byteLength(text) <= maxBytes) return text;
  const { written } = new TextEncoder().encodeInto(text, new Uint8Array(maxBytes));
  return Buffer.from(text).subarray(0, written).toString("utf8");
}
