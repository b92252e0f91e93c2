import {
  type Clock,
  kinds,
  type KubeClient,
  type Live,
  type Logger,
  type ObjectKey,
  runController,
  WorkQueue,
} from "@amalthea/kube";
import type { Pod } from "kubernetes-types/core/v1.js";
import type { ActivityAnswer } from "../decide/live/activity.ts";
import type { ActivityQuestion } from "../decide/culling/activity-question.ts";
import { askPod } from "./ask-pod.ts";

/** A question about one server. */
export type Inquiry = {
  readonly key: ObjectKey;
  readonly serverUid: string;
  readonly question: ActivityQuestion;
};

export type ActivityAskerOptions = {
  readonly client: Pick<KubeClient, "find">;
  /** The pod that a server has now. */
  readonly podOf: (key: ObjectKey) => Live<Pod> | undefined;
  /** CPU that the containers of a pod use together, in millicores; undefined if nobody knows it. */
  readonly cpuMillicoresOf: (pod: Live<Pod>, signal: AbortSignal) => Promise<number | undefined>;
  readonly onAnswer: (inquiry: Inquiry, answer: ActivityAnswer) => void;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** Pods that are asked at the same time. Those of one namespace that do not answer leave turns to the others. */
const WORKERS = 32;

/**
 * Asks pods about their activity, beside the reconciles: each server once at a time, namespaces in turn. An answer counts
 * only if its address still belongs to the same pod afterwards.
 */
export class ActivityAsker {
  readonly #options: ActivityAskerOptions;
  readonly #queue: WorkQueue<ObjectKey>;
  readonly #inquiries = new Map<ObjectKey, Inquiry>();

  constructor(options: ActivityAskerOptions) {
    this.#options = options;
    this.#queue = new WorkQueue<ObjectKey>({ clock: options.clock });
    this.#queue.close(); // until `run`
  }

  /** Returns at once. A server that is already being asked is not asked again. */
  ask(inquiry: Inquiry): void {
    if (!this.#queue.isOpen || this.#inquiries.has(inquiry.key)) return;
    this.#inquiries.set(inquiry.key, inquiry);
    this.#queue.add(inquiry.key);
  }

  /** Asks until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    this.#inquiries.clear();
    this.#queue.open();
    const reconcile = async (key: ObjectKey): Promise<{ readonly kind: "Settled" }> => {
      await this.#answer(key, signal);
      return { kind: "Settled" };
    };
    await runController({ name: "activity", queue: this.#queue, workers: WORKERS, reconcile, clock, logger }, signal);
  }

  async #answer(key: ObjectKey, signal: AbortSignal): Promise<void> {
    const inquiry = this.#inquiries.get(key);
    if (inquiry === undefined) return;
    const answer = await this.#askSafely(inquiry, signal);
    this.#inquiries.delete(key);
    if (!signal.aborted) this.#options.onAnswer(inquiry, answer);
  }

  /** What goes wrong is an answer, too: it is asked again, later and later, as decisions have it. */
  async #askSafely(inquiry: Inquiry, signal: AbortSignal): Promise<ActivityAnswer> {
    try {
      return await this.#ask(inquiry, signal);
    } catch (err) {
      this.#options.logger.warn({ key: inquiry.key, err }, "cannot ask a server about its activity");
      return { kind: "Failed", why: "its Secret cannot be read" };
    }
  }

  async #ask(inquiry: Inquiry, signal: AbortSignal): Promise<ActivityAnswer> {
    const { question } = inquiry;
    const secret = await this.#credential(inquiry, signal);
    if (secret === "Missing") return { kind: "Failed", why: "the Secret with its credential lacks it" };
    if (!this.#isStillThere(inquiry)) return { kind: "Failed", why: "its pod was replaced" };
    const answer = await this.#withCpu(inquiry, await askPod(question, secret?.value, signal), signal);
    return this.#isStillThere(inquiry) ? answer : { kind: "Failed", why: "its pod was replaced" };
  }

  /** Unknown is not idle: where CPU use counts, it has to be known. */
  async #withCpu({ key, question }: Inquiry, answer: ActivityAnswer, signal: AbortSignal): Promise<ActivityAnswer> {
    const pod = this.#options.podOf(key);
    if (answer.kind === "Failed" || !question.withCpu || pod === undefined) return answer;
    const cpuMillicores = await this.#options.cpuMillicoresOf(pod, signal).catch(() => undefined);
    if (cpuMillicores === undefined)
      return { kind: "Failed", why: "the metrics API does not tell its present CPU use" };
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
    const value = Buffer.from(secret?.data?.[credential.key] ?? "", "base64")
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
