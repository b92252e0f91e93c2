import type { JupyterServer, JupyterServerStatus } from "@amalthea/api";
import { type Clock, type Logger, untilAborted, withDeadline } from "@amalthea/kube";
import { endOf, following, goneServers, isContinuous, type KnownServers } from "../decide/audit/known-servers.ts";
import {
  type AuditMessage,
  auditRecord,
  type AuditRecord,
  LAST_STATE,
  lineOf,
  stateChange,
  stateOf,
} from "../decide/audit/record.ts";
import { clientTime } from "../decide/values/time.ts";
import { unlessAborted, within } from "./bounded.ts";
import { FileRotation, reportFailedRotation } from "./file-rotation.ts";
import { LineWriter } from "./line-writer.ts";
import { LogFolder, type LogFolderOptions } from "./log-folder.ts";
import { RecentEnds } from "./recent-ends.ts";
import type { S3Target } from "./s3.ts";
import { StandardOutput } from "./sink.ts";
import { Uploader } from "./uploader.ts";

export type AuditSettings = {
  /** Labels or annotations of servers that their lines have. */
  readonly extraLabels: readonly string[];
  /** Undefined: standard output. */
  readonly folder: Pick<LogFolderOptions, "path" | "rotateBytes" | "rotateSeconds" | "mostBytes"> | undefined;
  readonly s3: S3Target | undefined;
};

export type AuditMetrics = {
  /** Expired: kept for as long as the settings say, and then deleted. */
  auditLines(result: "Written" | "Lost" | "Expired", lines: number): void;
  auditLinesWaiting(lines: number): void;
  auditUpload(result: "Succeeded" | "Failed"): void;
  auditFilesWaiting(files: number): void;
};

export type AuditLogOptions = {
  readonly settings: AuditSettings;
  /** See `LogFolderOptions`. */
  readonly identity: string;
  readonly isLeader: () => boolean;
  /** Whether the caches still have a server of this uid: after its last line there is none. */
  readonly isThere: (uid: string) => boolean;
  /** All servers in scope, as the caches have them. */
  readonly servers: () => readonly JupyterServer[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: AuditMetrics;
};

/** How long a step of the shutdown waits for a volume that hangs. */
const FLUSH_MS = 2_000;

/** How long the shutdown of the process waits for the audit log, uploads included. */
const CLOSE_MS = 5_000;

/** Between two attempts to continue the log of an earlier leader. */
const BEGIN_RETRY_MS = 10_000;

/** Undefined: it turned out to be in the log already. */
type EarlyLine = { record: AuditRecord | undefined };

/** What happened in a term before it was known what was logged before, by uid. */
type Early = {
  /** The first line of each server. */
  readonly lines: Map<string, EarlyLine>;
  /** Servers whose status stayed as it was. */
  readonly unchanged: Map<string, JupyterServer>;
};

/**
 * One line for each change of a server's state. The line is written before the status is, which therefore says what was
 * last logged: the leader after a crash finds the status without the change, decides the same, and logs it. A deletion is
 * not our decision: a folder that outlives the process records which servers existed.
 */
export class AuditLog {
  readonly #options: AuditLogOptions;
  readonly #folder: LogFolder | undefined;
  readonly #uploader: Uploader | undefined;
  readonly #writer: LineWriter;
  /** By uid, what the log says of a server where its status does not say the same. */
  readonly #logged = new Map<string, string>();
  readonly #rotation: FileRotation | undefined;
  /** Ends of servers that another leader has to log. */
  readonly #recent: RecentEnds;
  /** Undefined once this term knows what was logged before. */
  #early: Early | undefined;
  /** The first attempt of this term to read what was logged before, successful or not: until then lines wait. */
  #begun: Promise<unknown> = Promise.resolve();

  constructor(options: AuditLogOptions) {
    const { settings, clock, logger, metrics } = options;
    this.#options = options;
    this.#folder = settings.folder === undefined ? undefined : this.#makeFolder(settings.folder);
    this.#recent = new RecentEnds(clock);
    this.#rotation = this.#folder === undefined ? undefined : new FileRotation({ folder: this.#folder, clock, logger });
    this.#uploader =
      this.#folder === undefined || settings.s3 === undefined
        ? undefined
        : new Uploader({
            ...{ folder: this.#folder, target: settings.s3, clock, logger },
            onUpload: (result) => metrics.auditUpload(result),
            onWaiting: (files) => metrics.auditFilesWaiting(files),
          });
    this.#writer = new LineWriter({
      ...{ sink: this.#folder ?? new StandardOutput(clock), ready: () => this.#begun, clock, logger },
      onWritten: (lines) => metrics.auditLines("Written", lines),
      onLost: (lines) => metrics.auditLines("Lost", lines),
      onWaiting: (lines) => metrics.auditLinesWaiting(lines),
    });
  }

  /** Logs what the status of a server is about to say, and waits briefly for the line. Never rejects. */
  async beforeStatus(server: JupyterServer, { state }: JupyterServerStatus): Promise<void> {
    const { uid } = server.metadata;
    const change = stateChange(server, state, this.#logged.get(uid));
    if (change === undefined) this.#early?.unchanged.set(uid, server);
    if (change === undefined || !this.#options.isLeader() || !this.#options.isThere(uid)) return;
    this.#logged.set(uid, change.status);
    await this.#write(this.#recordOf(server, change));
  }

  /** The status of a server says what was logged. */
  statusWritten({ metadata }: JupyterServer): void {
    this.#logged.delete(metadata.uid);
  }

  /** A server is gone. */
  removed(server: JupyterServer): void {
    const change = stateChange(server, LAST_STATE, this.#logged.get(server.metadata.uid));
    this.#logged.delete(server.metadata.uid);
    // What never had a state has no lines.
    if (change?.oldStatus === undefined) return;
    const record = this.#recordOf(server, change);
    if (!this.#options.isLeader()) return this.#recent.keep(record);
    void this.#write(record);
  }

  /**
   * The work of the leader until the signal is aborted. It begins with what happened while there was no leader.
   * @param term The Lease's `leaseTransitions`; undefined where leaders are not elected.
   */
  async lead(term: number | undefined, signal: AbortSignal): Promise<void> {
    const recent = this.#recent.take();
    this.#logged.clear();
    this.#early = { lines: new Map(), unchanged: new Map() };
    let isFirst = true; // which has its time, though the term be short
    const isOver = (): boolean => !isFirst && signal.aborted;
    const first = this.#begin(term, recent, isOver);
    this.#begun = first;
    await within(FLUSH_MS, first, this.#options.clock);
    isFirst = false;
    for (let attempt = first; !(await unlessAborted(attempt, signal)) && !signal.aborted;) {
      await this.#options.clock.sleep(BEGIN_RETRY_MS, signal).catch(() => undefined);
      if (!signal.aborted) attempt = this.#begin(term, recent, isOver);
    }
    await untilAborted(signal);
    for (const record of recent.splice(0)) void this.#write(record);
    await this.#writer.flush(FLUSH_MS);
    await within(FLUSH_MS, this.#rotation?.end(), this.#options.clock);
  }

  /** Rotates files in time and uploads rotated ones until the signal is aborted, whether this process leads or not. */
  async upload(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#uploader?.run(signal), this.#rotation?.run(signal)]);
  }

  /** The shutdown of the process, in 5 seconds: it no longer leads, and nothing else is uploaded. */
  async close(): Promise<void> {
    const { clock } = this.#options;
    await withDeadline(clock, CLOSE_MS, new AbortController().signal, async (deadline) => {
      await this.#writer.close(FLUSH_MS);
      await within(FLUSH_MS, this.#rotation?.end(), clock);
      await this.#uploader?.uploadAll(deadline);
    });
  }

  #makeFolder(folder: NonNullable<AuditSettings["folder"]>): LogFolder {
    const { identity, settings, logger, metrics } = this.#options;
    return new LogFolder({
      ...{ ...folder, identity },
      onRotated: () => this.#uploader?.wake(),
      onProblem: (err) => reportFailedRotation(logger, err),
      onDropped: (lines, because) => {
        // Where nothing is uploaded, the limit is how long lines are kept.
        const isExpired = because === "Limit" && settings.s3 === undefined;
        const text = "deleted the oldest file of the audit log to make room";
        if (isExpired) logger.info({ lines, because }, text);
        else logger.warn({ lines, because }, text);
        metrics.auditLines(isExpired ? "Expired" : "Lost", lines);
      },
    });
  }

  /** @returns Whether the log continues from the earlier one; never rejects. */
  async #begin(term: number | undefined, recent: AuditRecord[], isOver: () => boolean): Promise<boolean> {
    try {
      const servers = new Map(this.#options.servers().map((server) => [server.metadata.uid, server]));
      const known = await this.#resume(term, servers, isOver);
      if (isOver()) return false;
      this.#goOn(known, servers, recent.splice(0));
      this.#early = undefined;
      return true;
    } catch (err) {
      this.#options.logger.warn({ err }, "cannot continue the audit log; retrying");
      return false;
    }
  }

  #goOn(
    known: KnownServers | undefined,
    servers: ReadonlyMap<string, JupyterServer>,
    recent: readonly AuditRecord[],
  ): void {
    if (known === undefined) {
      for (const record of recent) void this.#write(record);
      return;
    }
    const { lines, unchanged }: Early = this.#early ?? { lines: new Map(), unchanged: new Map() };
    for (const [uid, line] of lines) line.record &&= following(line.record, known.get(uid));
    const untouched = new Map([...known].filter(([uid]) => !lines.has(uid)));
    for (const { uid, status: logged } of untouched.values()) {
      const server = unchanged.get(uid) ?? servers.get(uid);
      const status = server === undefined ? undefined : stateOf(server);
      if (server === undefined || status === logged) continue;
      // If the status stays as it is, the line for it was lost: nothing else would write it.
      if (unchanged.has(uid) && status !== undefined)
        void this.#write(this.#recordOf(server, { status, oldStatus: logged }));
      else this.#logged.set(uid, logged);
    }
    const time = clientTime(this.#options.clock.now());
    for (const message of goneServers(untouched, (uid) => servers.has(uid))) void this.#write(endOf(message, time));
  }

  /** @returns What the log says; undefined if that cannot be known, because another leader may have logged since. */
  async #resume(
    term: number | undefined,
    servers: ReadonlyMap<string, JupyterServer>,
    isOver: () => boolean,
  ): Promise<KnownServers | undefined> {
    if (this.#folder === undefined) return undefined;
    const memory = await this.#folder.resume();
    if (isOver()) return undefined; // another leader's files may be there by now
    const known = isContinuous(memory.term, term) ? memory.known : undefined; // else older than the statuses
    await this.#folder.remember({ term, known: new Map([...this.#untold(servers), ...(known ?? [])]) });
    return known;
  }

  /** Servers as their statuses are, from which on they are followed. */
  #untold(servers: ReadonlyMap<string, JupyterServer>): readonly (readonly [string, AuditMessage])[] {
    return [...servers].flatMap(([uid, server]) => {
      const status = stateOf(server);
      return status === undefined ? [] : [[uid, this.#recordOf(server, { status, oldStatus: undefined }).message]];
    });
  }

  #recordOf(server: JupyterServer, change: { status: string; oldStatus: string | undefined }): AuditRecord {
    const { settings, clock } = this.#options;
    return auditRecord(server, change, settings.extraLabels, clock.now());
  }

  async #write(record: AuditRecord): Promise<void> {
    const line: EarlyLine = { record };
    const { uid } = record.message;
    if (this.#early?.lines.has(uid) === false) this.#early.lines.set(uid, line);
    await this.#writer.add(() => (line.record === undefined ? undefined : lineOf(line.record)));
  }
}
