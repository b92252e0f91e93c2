import type { JupyterServer, JupyterServerStatus } from "@amalthea/api";
import type { Clock, Logger } from "@amalthea/kube";
import { endOf, goneServers, isContinuous, type KnownServers } from "../decide/audit/known-servers.ts";
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
import { LineWriter } from "./line-writer.ts";
import { LogFolder, type LogFolderOptions } from "./log-folder.ts";
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
  auditLines(result: "Written" | "Lost", lines: number): void;
  auditLinesWaiting(lines: number): void;
  auditUpload(result: "Succeeded" | "Failed"): void;
  auditFilesWaiting(files: number): void;
};

export type AuditLogOptions = {
  readonly settings: AuditSettings;
  readonly isLeader: () => boolean;
  /** All servers in scope, as the caches have them. */
  readonly servers: () => readonly JupyterServer[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: AuditMetrics;
};

/** Longer than another leader can have gone on after its last line: a lease expires after 15 seconds. */
const RECENT_MS = 60_000;
const MOST_RECENT = 10_000;

/** Parts of the grace period of the pod. */
const FLUSH_MS = 2_000;
const LAST_UPLOAD_MS = 5_000;

/** Between two attempts to finish a file. */
const LEAST_WAIT_MS = 10_000;
const HOUR_MS = 3_600_000;

/**
 * One line for each change of a server's state. The line is written before the status is, which therefore says what was
 * last logged: whoever leads after a crash finds the status without the change, decides the same, and logs it. A deletion
 * is no decision of ours: a folder that outlives the process tells which servers there were.
 */
export class AuditLog {
  readonly #options: AuditLogOptions;
  readonly #folder: LogFolder | undefined;
  readonly #uploader: Uploader | undefined;
  readonly #writer: LineWriter;
  /** By uid, what the log says of a server where its status does not say the same. */
  readonly #logged = new Map<string, string>();
  /** Ends of servers that another leader has to log. */
  readonly #recent: { readonly record: AuditRecord; readonly atMs: number }[] = [];
  #begun: Promise<void> = Promise.resolve();

  constructor(options: AuditLogOptions) {
    const { settings, clock, logger, metrics } = options;
    this.#options = options;
    this.#folder = settings.folder === undefined ? undefined : this.#makeFolder(settings.folder);
    this.#uploader =
      this.#folder === undefined || settings.s3 === undefined
        ? undefined
        : new Uploader({
            ...{ folder: this.#folder, target: settings.s3, clock, logger },
            onUpload: (result) => metrics.auditUpload(result),
            onWaiting: (files) => metrics.auditFilesWaiting(files),
          });
    this.#writer = new LineWriter({
      ...{ sink: this.#folder ?? new StandardOutput(clock), clock, logger },
      onWritten: (lines) => metrics.auditLines("Written", lines),
      onLost: (lines) => metrics.auditLines("Lost", lines),
      onWaiting: (lines) => metrics.auditLinesWaiting(lines),
    });
  }

  /** Logs what the status of a server is about to say, and waits for the line, though not long. Never rejects. */
  async beforeStatus(server: JupyterServer, { state }: JupyterServerStatus): Promise<void> {
    await this.#begun;
    const { uid } = server.metadata;
    const change = stateChange(server, state, this.#logged.get(uid));
    if (change === undefined || !this.#options.isLeader()) return;
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
    if (this.#options.isLeader()) void this.#write(record);
    else this.#keepRecent(record);
  }

  /**
   * What a leader does until the signal is aborted. It begins with what happened while nobody led.
   * @param term The Lease's `leaseTransitions`; undefined where leaders are not elected.
   */
  async lead(term: number | undefined, signal: AbortSignal): Promise<void> {
    this.#begun = this.#soon(this.#begin(term));
    await this.#begun;
    while (!signal.aborted) await this.#finishInTime(signal);
    await this.#writer.flush(FLUSH_MS);
    if (this.#uploader !== undefined) await this.#finish();
    await this.#folder?.close();
  }

  /** Uploads finished files until the signal is aborted, whether this process leads or not. */
  async upload(signal: AbortSignal): Promise<void> {
    await this.#uploader?.run(signal);
  }

  /** The end of the process: nobody leads any more, and nothing is uploaded beside this. */
  async close(): Promise<void> {
    await this.#writer.close(FLUSH_MS);
    await this.#folder?.close();
    await this.#uploader?.uploadAll(AbortSignal.timeout(LAST_UPLOAD_MS));
  }

  #makeFolder(settings: NonNullable<AuditSettings["folder"]>): LogFolder {
    const { logger, metrics } = this.#options;
    return new LogFolder({
      ...settings,
      onFinished: () => this.#uploader?.wake(),
      onProblem: (err) => this.#reportUnfinished(err),
      onDropped: (lines) => {
        logger.warn({ lines }, "deleted the oldest file of the audit log to make room");
        if (this.#uploader !== undefined) metrics.auditLines("Lost", lines);
      },
    });
  }

  /** Reconciles wait for the beginning, though no longer than for a line. */
  async #soon(beginning: Promise<void>): Promise<void> {
    const { clock, logger } = this.#options;
    const late = Promise.withResolvers<void>();
    const cancel = clock.setTimeout(late.resolve, FLUSH_MS);
    const done = beginning.catch((err: unknown) => logger.warn({ err }, "cannot continue the audit log"));
    await Promise.race([done, late.promise]);
    cancel();
  }

  async #begin(term: number | undefined): Promise<void> {
    this.#logged.clear();
    const servers = new Map(this.#options.servers().map((server) => [server.metadata.uid, server]));
    const recent = this.#takeRecent();
    const known = await this.#resume(term, servers);
    if (known === undefined) {
      for (const record of recent) void this.#write(record);
      return;
    }
    for (const { uid, status } of known.values()) {
      const server = servers.get(uid);
      if (server !== undefined && stateOf(server) !== status) this.#logged.set(uid, status);
    }
    const time = clientTime(this.#options.clock.now());
    for (const message of goneServers(known, (uid) => servers.has(uid))) void this.#write(endOf(message, time));
  }

  /** @returns What the log says; undefined if that cannot be known, because another leader may have logged since. */
  async #resume(
    term: number | undefined,
    servers: ReadonlyMap<string, JupyterServer>,
  ): Promise<KnownServers | undefined> {
    if (this.#folder === undefined) return undefined;
    const memory = await this.#folder.resume();
    const goesOn = isContinuous(memory.term, term);
    if (!goesOn) await this.#folder.finish(); // its lines are older than the statuses
    const known = goesOn ? memory.known : undefined;
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

  async #finishInTime(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const dueInMs = this.#folder?.dueInMs(clock.now()) ?? HOUR_MS;
    await clock.sleep(Math.min(Math.max(dueInMs, LEAST_WAIT_MS), HOUR_MS), signal).catch(() => undefined);
    if (!signal.aborted && this.#folder?.dueInMs(clock.now()) === 0) await this.#finish();
  }

  async #finish(): Promise<void> {
    await this.#folder?.finish().catch((err: unknown) => this.#reportUnfinished(err));
  }

  #reportUnfinished(err: unknown): void {
    this.#options.logger.warn({ err }, "cannot finish the file of the audit log; it is tried again");
  }

  #recordOf(server: JupyterServer, change: { status: string; oldStatus: string | undefined }): AuditRecord {
    const { settings, clock } = this.#options;
    return auditRecord(server, change, settings.extraLabels, clock.now());
  }

  async #write(record: AuditRecord): Promise<void> {
    await this.#writer.add(lineOf(record));
  }

  #keepRecent(record: AuditRecord): void {
    this.#recent.push({ record, atMs: this.#options.clock.monotonicMs() });
    while (this.#recent.length > MOST_RECENT || this.#isOld(this.#recent[0])) this.#recent.shift();
  }

  #takeRecent(): readonly AuditRecord[] {
    return this.#recent
      .splice(0)
      .filter((recent) => !this.#isOld(recent))
      .map(({ record }) => record);
  }

  #isOld(recent: { readonly atMs: number } | undefined): boolean {
    return recent !== undefined && recent.atMs + RECENT_MS < this.#options.clock.monotonicMs();
  }
}
