import { open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** One finished request as the API server's audit log tells it. */
export type AuditedCall = {
  readonly verb: string;
  /** Plural of the kind, or METRICS_PODS; empty for a path that is no object, such as a list of the API's groups. */
  readonly resource: string;
  readonly subresource: string | undefined;
  readonly name: string | undefined;
  readonly code: number;
};

type AuditEvent = {
  readonly stage: string;
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: Partial<Record<"apiGroup" | "resource" | "subresource" | "name", string>>;
  readonly responseStatus?: { readonly code?: number };
};

const CHUNK_BYTES = 1 << 20;

/** What pods use, in the metrics API; its plural alone would be that of pods. */
export const METRICS_PODS = "pods.metrics.k8s.io";

/** The calls of one user, as the API server counted them: the figures come from here, not from counters of ours. */
export class AuditLog {
  readonly #path: string;
  readonly #user: string;
  readonly #calls: AuditedCall[] = [];
  #position = 0;

  /** @param user whose calls count, such as `system:serviceaccount:amalthea:amalthea` */
  constructor(path: string, user: string) {
    this.#path = path;
    this.#user = user;
  }

  /**
   * The user's calls so far, in the order in which they ended; a watch counts when it ends.
   *
   * @throws Error if the API server has begun a new file, so that calls are missing.
   */
  async calls(): Promise<readonly AuditedCall[]> {
    await using file = await open(this.#path);
    const { size } = await file.stat();
    if (size < this.#position) throw new Error(`${this.#path} was rotated while it was read: calls are missing`);
    let rest = Buffer.alloc(0);
    for (let at = this.#position; at < size;) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(CHUNK_BYTES), 0, CHUNK_BYTES, at);
      if (bytesRead === 0) break;
      at += bytesRead;
      const text = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
      const end = text.lastIndexOf("\n") + 1; // the last line may be half written
      this.#calls.push(...callsIn(text.toString("utf8", 0, end), this.#user));
      rest = text.subarray(end);
      this.#position = at - rest.length;
    }
    return [...this.#calls];
  }

  /**
   * The calls after the first `from`, once none was added for a while that is neither a watch nor about the lease.
   *
   * @throws Error after the time limit.
   */
  async whenQuiet(from: number, quietSeconds = 6, timeoutSeconds = 600): Promise<readonly AuditedCall[]> {
    const deadline = performance.now() + timeoutSeconds * 1000;
    for (let before = -1; performance.now() < deadline; await sleep(quietSeconds * 1000)) {
      const calls = (await this.calls()).slice(from);
      const busy = calls.filter(isWork).length;
      if (busy === before) return calls;
      before = busy;
    }
    throw new Error(`the controller still works after ${timeoutSeconds} seconds`);
  }
}

function callsIn(text: string, user: string): readonly AuditedCall[] {
  // The user's name is looked for in the text first: most lines are about others, and there are very many.
  const lines = text.split("\n").filter((line) => line.includes(user));
  return lines.flatMap((line): readonly AuditedCall[] => {
    const event = JSON.parse(line) as AuditEvent; // audit.k8s.io/v1 Event
    if (event.stage !== "ResponseComplete" || event.user.username !== user) return [];
    const { apiGroup, resource: plural = "", subresource, name } = event.objectRef ?? {};
    const resource = `${plural}.${apiGroup}` === METRICS_PODS ? METRICS_PODS : plural;
    return [{ verb: event.verb, resource, subresource, name, code: event.responseStatus?.code ?? 0 }];
  });
}

function isWork({ verb, resource }: AuditedCall): boolean {
  return verb !== "watch" && resource !== "leases";
}

const READ_VERBS: readonly string[] = ["get", "list"];

/** Writes of objects, whether or not they succeeded: neither Events nor the lease. */
export function writesAmong(calls: readonly AuditedCall[]): readonly AuditedCall[] {
  return calls.filter((call) => isWork(call) && !READ_VERBS.includes(call.verb) && call.resource !== "events");
}

/** Reads that are no watch, without the lease. */
export function readsAmong(calls: readonly AuditedCall[]): readonly AuditedCall[] {
  return calls.filter((call) => isWork(call) && READ_VERBS.includes(call.verb));
}

/** Counts calls as `3 × patch jupyterservers/status`, in one line. */
export function describeCalls(calls: readonly AuditedCall[]): string {
  const counts = new Map<string, number>();
  for (const { verb, resource, subresource, code } of calls) {
    const refused = code >= 400 ? ` (refused, ${code})` : "";
    const kind = `${verb} ${resource}${subresource === undefined ? "" : `/${subresource}`}${refused}`;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return [...counts].map(([kind, count]) => `${count} × ${kind}`).join(", ");
}
