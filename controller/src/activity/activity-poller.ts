import {
  type Clock,
  kinds,
  type KubeClient,
  type Live,
  type Logger,
  type ObjectKey,
  RequestQueue,
} from "@amalthea/kube";
import type { Pod } from "kubernetes-types/core/v1.js";
import type { ActivityAnswer } from "../decide/live/activity.ts";
import type { ActivityQuestion } from "../decide/culling/activity-question.ts";
import { ownValue } from "../decide/values/json.ts";
import { pollPod } from "./poll-pod.ts";

/** A poll of one server. */
export type Inquiry = {
  readonly key: ObjectKey;
  readonly serverUid: string;
  readonly question: ActivityQuestion;
};

export type ActivityPollerOptions = {
  readonly client: Pick<KubeClient, "find">;
  /** The pod that a server has now. */
  readonly podOf: (key: ObjectKey) => Live<Pod> | undefined;
  /** CPU that the containers of a pod use together, in millicores; undefined if unknown. */
  readonly cpuMillicoresOf: (pod: Live<Pod>, signal: AbortSignal) => Promise<number | undefined>;
  readonly onAnswer: (inquiry: Inquiry, answer: ActivityAnswer) => void;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** Pods polled concurrently. Those of one namespace that do not respond leave turns to the others. */
const WORKERS = 32;

/** Time limit for its Secret, its pod and its CPU together; the pod alone has less (see `pollPod`). */
const TIMEOUT_MS = 60_000;

/**
 * Polls pods for their activity, outside of the reconciles: each server once at a time, namespaces in turn. A response
 * counts only if its address still belongs to the same pod afterwards.
 */
export class ActivityPoller {
  readonly #options: ActivityPollerOptions;
  readonly #inquiries: RequestQueue<Inquiry, ActivityAnswer>;

  constructor(options: ActivityPollerOptions) {
    const { clock, logger, onAnswer } = options;
    this.#options = options;
    this.#inquiries = new RequestQueue({
      ...{ name: "activity", workers: WORKERS, timeoutMs: TIMEOUT_MS, clock, logger, onAnswer },
      send: (inquiry, signal) => this.#poll(inquiry, signal),
      // That is a result, too: decisions schedule the retries, with back-off.
      onFailure: (inquiry, err) => {
        logger.warn({ key: inquiry.key, err }, "cannot poll a server for its activity");
        onAnswer(inquiry, { kind: "Failed", why: "its Secret cannot be read" });
      },
    });
  }

  /** Returns at once. A server that is already being polled is not polled again. */
  poll(inquiry: Inquiry): void {
    this.#inquiries.add(inquiry.key, inquiry);
  }

  /** Polls until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#inquiries.run(signal);
  }

  async #poll(inquiry: Inquiry, signal: AbortSignal): Promise<ActivityAnswer> {
    const { question } = inquiry;
    const secret = await this.#credential(inquiry, signal);
    if (secret === "Missing") return { kind: "Failed", why: "its Secret has no usable credential" };
    if (!this.#isStillThere(inquiry)) return { kind: "Failed", why: "its pod was replaced" };
    const answer = await this.#withCpu(inquiry, await pollPod(question, secret?.value, signal), signal);
    return this.#isStillThere(inquiry) ? answer : { kind: "Failed", why: "its pod was replaced" };
  }

  /** Unknown is not idle: if CPU use counts, it must be known. */
  async #withCpu({ key, question }: Inquiry, answer: ActivityAnswer, signal: AbortSignal): Promise<ActivityAnswer> {
    const pod = this.#options.podOf(key);
    if (answer.kind === "Failed" || !question.withCpu || pod === undefined) return answer;
    const cpuMillicores = await this.#options.cpuMillicoresOf(pod, signal).catch(() => undefined);
    if (cpuMillicores === undefined)
      return { kind: "Failed", why: "the metrics API does not report its current CPU use" };
    return { ...answer, report: { ...answer.report, cpuMillicores } };
  }

  async #credential(
    { key, question }: Inquiry,
    signal: AbortSignal,
  ): Promise<{ value: string } | "Missing" | undefined> {
    const { credential } = question;
    if (credential === undefined) return undefined;
    const namespace = key.slice(0, key.indexOf("/"));
    const secret = await this.#options.client.find(kinds.Secret, { namespace, name: credential.name }, signal);
    const value = Buffer.from(ownValue(secret?.data ?? {}, credential.key) ?? "", "base64")
      .toString("utf8")
      .trim();
    // Of anything else no header can be made.
    return /^[\x21-\x7e]+$/.test(value) ? { value } : "Missing";
  }

  #isStillThere({ key, question }: Inquiry): boolean {
    const pod = this.#options.podOf(key);
    return (
      pod?.metadata.uid === question.podUid &&
      pod.metadata.deletionTimestamp === undefined &&
      pod.status?.podIP === question.address
    );
  }
}
