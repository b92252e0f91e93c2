import type { JupyterServer, JupyterServerStatus } from "@amalthea/api";
import { keyOf } from "@amalthea/kube";
import type { Pod } from "kubernetes-types/core/v1.js";
import { endOf, type Milestone, milestonesBetween } from "../decide/status/milestones.ts";
import { ResumeMemory } from "../observe/resume-memory.ts";
import type { ReconcilerParts } from "./parts.ts";

/** Counts what statuses say for the first time. A failure of that is only logged. */
export class MilestoneCounter {
  readonly #parts: Pick<ReconcilerParts, "metrics" | "logger">;
  readonly #resumes = new ResumeMemory();

  constructor(parts: Pick<ReconcilerParts, "metrics" | "logger">) {
    this.#parts = parts;
  }

  /** `status` was written over that of `server`, whose pod is `pod`. */
  statusWritten(server: JupyterServer, status: JupyterServerStatus, pod: Pod | undefined, now: Date): void {
    const start = { pod, isResuming: this.#resumes.has(server.metadata.uid) };
    this.#count(server, () => milestonesBetween(server, status, start, now));
  }

  /** The server is gone. @param isCounted Whether this process counts that. */
  removed(server: JupyterServer, isCounted: boolean): void {
    if (isCounted) this.#count(server, () => [endOf(server)]);
    this.#resumes.forget(server.metadata.uid);
  }

  #count(server: JupyterServer, milestones: () => readonly Milestone[]): void {
    try {
      for (const milestone of milestones()) {
        this.#resumes.note(server.metadata.uid, milestone);
        this.#parts.metrics.reached(milestone, server);
      }
    } catch (err) {
      this.#parts.logger.error({ key: keyOf(server), err }, "counting for the metrics failed");
    }
  }
}
