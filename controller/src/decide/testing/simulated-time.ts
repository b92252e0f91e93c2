import type { ActivityReport, JupyterServer, JupyterServerStatus } from "@amalthea/api";
import { activityAfter, type ActivityAnswer, type ObservedActivity } from "../live/activity.ts";
import { decide } from "../decide.ts";
import type { Decision } from "../decision.ts";
import type { Observed } from "../live/observed.ts";
import type { DecisionSettings } from "../settings.ts";
import { mergePatchBetween } from "../values/merge-patch.ts";
import { applyMergePatch } from "./apply-merge-patch.ts";
import { carryOut } from "./simulated-world.ts";

/** What the pod answers when it is asked at a time; undefined: it fails to. */
export type Pod = (now: Date) => ActivityReport | undefined;

/** What was done to the server, and when. */
export type Done = { readonly kind: string; readonly reason: string; readonly at: Date };

/** A controller and a server in a time that only the test moves on: it jumps from one wake-up of the controller to the next. */
export class SimulatedTime {
  readonly done: Done[] = [];
  /** Times at which the pod was asked. */
  readonly asked: Date[] = [];
  /** Times at which the status was written. */
  readonly written: Date[] = [];
  world: Observed;
  now: Date;
  readonly #settings: DecisionSettings;
  readonly #pod: Pod;

  constructor(start: {
    readonly world: Observed;
    readonly now: Date;
    readonly settings: DecisionSettings;
    readonly pod: Pod;
  }) {
    this.world = start.world;
    this.now = start.now;
    this.#settings = start.settings;
    this.#pod = start.pod;
  }

  get status(): JupyterServerStatus {
    return this.world.server.status ?? {};
  }

  /** Changes the server as its user does, and reconciles it. */
  change(edit: (server: JupyterServer) => JupyterServer): void {
    this.world = { ...this.world, server: edit(this.world.server) };
  }

  /** A new process: what the controller had in its memory is gone. */
  restartController(): void {
    this.world = { ...this.world, activity: { kind: "Unasked" } };
  }

  /** Lets time pass until `end`, or until a limit was enforced. */
  runUntil(end: Date): void {
    const before = this.done.length;
    while (this.done.length === before) {
      const waitSeconds = this.#settle();
      const next = waitSeconds === undefined ? end : new Date(Math.ceil(this.now.getTime() + waitSeconds * 1000));
      if (next > end) break;
      if (this.done.length === before) this.now = next;
      if (waitSeconds === undefined) return;
    }
    if (this.done.length === before) this.now = end;
  }

  /** Reconciles until nothing is left to do now. @returns Seconds until the controller wakes up by itself. */
  #settle(): number | undefined {
    for (let turn = 0; turn < 20; turn++) {
      const decision = decide(this.world, this.#settings, this.now);
      if (decision.error !== undefined) throw decision.error as Error;
      if (!this.#perform(decision)) {
        return decision.outcome.kind === "CheckAgain" ? decision.outcome.afterSeconds : undefined;
      }
    }
    throw new Error("the controller does not come to rest");
  }

  /** @returns Whether anything changed. */
  #perform(decision: Decision): boolean {
    const { plan, question, status } = decision;
    this.world = carryOut(this.world, plan);
    for (const action of plan) {
      if (action.kind === "Cull") this.done.push({ kind: action.cull.kind, reason: action.cull.reason, at: this.now });
    }
    if (plan.length > 0) return !plan.some(({ kind }) => kind === "Cull");
    const patch = mergePatchBetween(this.status, status);
    if (patch !== undefined) {
      this.written.push(this.now);
      this.change((server) => ({ ...server, status: applyMergePatch(this.status, patch) as JupyterServerStatus }));
      return true;
    }
    if (question === undefined) return false;
    this.asked.push(this.now);
    this.world = { ...this.world, activity: this.#answer() };
    return true;
  }

  #answer(): ObservedActivity {
    const report = this.#pod(this.now);
    const answer: ActivityAnswer =
      report === undefined ? { kind: "Failed", why: "it does not respond" } : { kind: "Answered", report };
    return activityAfter(this.world.activity, answer, this.now);
  }
}
