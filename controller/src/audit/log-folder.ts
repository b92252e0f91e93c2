import { randomUUID } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, readFile, rename, stat, truncate, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { KnownServers } from "../decide/audit/known-servers.ts";
import { type AuditMessage, LAST_STATE } from "../decide/audit/record.ts";
import { isObject, parseObject } from "../decide/values/json.ts";
import { replaceFile, syncFolder } from "./durable-file.ts";
import { absentAs, hasCode } from "./file-errors.ts";
import { type Content, digestOf, readContent } from "./log-content.ts";
import type { Sink } from "./sink.ts";

export type LogFolderOptions = {
  readonly path: string;
  /** Globally unique: `POD_ANYTHING`. It is in the name of the file that this process writes. */
  readonly identity: string;
  /** A file is rotated at this size, or this age. */
  readonly rotateBytes: number;
  readonly rotateSeconds: number;
  /** Maximum total size of the files: the oldest rotated one is deleted for a new one. */
  readonly mostBytes: number;
  /** Lines of a rotated file that was deleted to make room: all may not take more, or the volume is full. */
  readonly onDropped: (lines: number, because: "Limit" | "VolumeFull") => void;
  /** Another file is rotated. */
  readonly onRotated: () => void;
  /** Lines are written, but their file cannot be rotated; this is retried with the next ones. */
  readonly onProblem: (error: unknown) => void;
};

/** A rotated file, which no longer changes. */
export type RotatedFile = { readonly name: string; readonly path: string; readonly bytes: number };

/** What a folder says of earlier terms. */
export type Memory = { readonly term: number | undefined; readonly known: KnownServers };

/** The file that a process writes, and what it said before that file: of a process nobody else changes either. */
const currentOf = (writer: string): string => `current-${writer}.txt`;
const serversOf = (writer: string): string => `servers-${writer}.json`;
const CURRENT = /^current-(.+)\.txt$/;
const SERVERS = /^servers-(.+)\.json$/;
const ROTATED = /^amalthea_audit_log_\d{8}_\d{6}\+0000_[0-9a-f]{12}\.txt$/;

/** Between a writer and what makes the name unique under which its file is rotated. */
const TAKEN = "~";

/**
 * Files in a folder, which other processes may share: each process appends to a file of its own. A leader rotates the
 * files of the others, because they are dead or should be: one that still lives notices that its file was taken, and
 * writes what may have come too late once more into a new one.
 */
export class LogFolder implements Sink {
  readonly #options: LogFolderOptions;
  readonly #own: string;
  #file: FileHandle | undefined;
  /** Bytes of the current file up to the end of its last whole line. */
  #size = 0;
  /** From when on the current file gets older. */
  #since = new Date();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: LogFolderOptions) {
    this.#options = options;
    this.#own = options.identity;
  }

  /** @returns What the latest leader said last. @throws if the folder cannot be used. */
  async resume(): Promise<Memory> {
    return await this.#inTurn(async () => {
      await mkdir(this.#options.path, { recursive: true });
      const all = await Promise.all((await this.#writersOf(SERVERS)).map((writer) => this.#readServers(writer)));
      const found = all.flatMap((one) => one ?? []);
      const [latest] = found.toSorted((a, b) => (b.term ?? -1) - (a.term ?? -1) || b.writtenMs - a.writtenMs);
      return { term: latest?.term, known: latest === undefined ? new Map() : (await this.#readFileOf(latest)).known };
    });
  }

  /**
   * Begins a term: records who leads from now on, and what the log says of the servers, or would say if they had been
   * logged. Then rotates all earlier files.
   */
  async remember(memory: Memory): Promise<void> {
    await this.#inTurn(async () => {
      await this.#writeServers(this.#own, memory);
      await this.#rotate();
      for (const writer of await this.#writersOf(CURRENT)) if (writer !== this.#own) await this.#take(writer);
      for (const writer of await this.#writersOf(SERVERS)) {
        if (writer !== this.#own) await unlink(this.#pathOf(serversOf(writer))).catch(absentAs(undefined));
      }
    });
  }

  /**
   * Rotates what earlier processes of this pod left, which nobody writes any more. Whoever leads next knows what it
   * said.
   */
  async rotateFormer(): Promise<void> {
    await this.#inTurn(async () => {
      for (const writer of await this.#writersOf(CURRENT)) if (this.#isFormer(writer)) await this.#rotateOf(writer);
    });
  }

  async append(lines: readonly string[]): Promise<void> {
    const content = Buffer.from(lines.map((line) => `${line}\n`).join(""));
    await this.#inTurn(async () => {
      await this.#makingRoom(() => this.#append(content));
      if (this.#size >= this.#options.rotateBytes) await this.#rotate().catch(this.#options.onProblem);
    });
  }

  /** Milliseconds until the current file is old enough to be rotated. */
  dueInMs(now: Date): number {
    return Math.max(0, this.#since.getTime() + this.#options.rotateSeconds * 1_000 - now.getTime());
  }

  /** Rotates the current file, unless it is empty, and makes room for the next one. */
  async rotate(): Promise<void> {
    await this.#inTurn(() => this.#rotate());
  }

  /** The oldest first. */
  async rotated(): Promise<readonly RotatedFile[]> {
    const names = await readdir(this.#options.path).catch(absentAs([]));
    const files = names
      .filter((name) => ROTATED.test(name))
      .toSorted()
      .map(async (name) => {
        const path = this.#pathOf(name);
        const bytes = (await stat(path).catch(() => ({ size: -1 }))).size; // another replica may have taken it
        return { name, path, bytes };
      });
    return (await Promise.all(files)).filter(({ bytes }) => bytes >= 0);
  }

  /** Deletes a rotated file. */
  async remove({ path }: RotatedFile): Promise<void> {
    await unlink(path).catch(absentAs(undefined));
  }

  async close(): Promise<void> {
    await this.#inTurn(() => this.#close());
  }

  /** Changes of files are serialized. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return await done;
  }

  async #close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #rotate(): Promise<void> {
    if (this.#size > 0) {
      this.#file ??= await this.#openCurrent(); // without the part of a line that could not be written
      await this.#close();
      await this.#rotateOf(this.#own);
      this.#size = 0;
    }
    this.#since = new Date();
    await this.#makeRoom();
  }

  /** Rotates the file of a writer that said what it said in its term. */
  async #rotateOf(writer: string): Promise<void> {
    const said = await this.#readServers(writer.split(TAKEN)[0] ?? writer);
    // What a file said that was taken already is written down.
    const read = said?.writer === writer ? await this.#readFileOf(said) : undefined;
    if (said !== undefined && read !== undefined) await this.#writeServers(writer, { ...said, known: read.known });
    await this.#take(writer, read?.content);
  }

  /**
   * Once it has another name, what its writer takes for written does not go there any more.
   * @param read What was in it a moment before.
   */
  async #take(writer: string, read?: Content): Promise<void> {
    const taken = this.#pathOf(currentOf(`${writer}${TAKEN}${randomUUID().slice(0, 8)}`));
    const isTaken = await rename(this.#pathOf(currentOf(writer)), taken).then(() => true, absentAs(false));
    if (isTaken) await this.#nameRotated(taken, read);
  }

  async #nameRotated(path: string, read: Content | undefined): Promise<void> {
    const isWhole = read !== undefined && (await stat(path)).size === read.bytes;
    const { began, end, sha256 } = isWhole ? read : await readContent(path); // a late leader may have written meanwhile
    if (end === 0) return await unlink(path);
    await truncate(path, end); // what a crash left of a line
    const name = `amalthea_audit_log_${stampOf(began)}_${sha256.slice(0, 12)}.txt`;
    await rename(path, this.#pathOf(name));
    await syncFolder(this.#options.path);
    this.#options.onRotated();
  }

  #isFormer(writer: string): boolean {
    const podOf = (identity: string): string => identity.slice(0, identity.lastIndexOf("_"));
    return writer !== this.#own && podOf(writer) === podOf(this.#own);
  }

  async #writersOf(pattern: RegExp): Promise<readonly string[]> {
    const names = await readdir(this.#options.path).catch(absentAs([]));
    return names.flatMap((name) => pattern.exec(name)?.[1] ?? []);
  }

  async #append(content: Buffer): Promise<void> {
    if (this.#file !== undefined && !(await this.#isCurrent(this.#file))) await this.#close();
    const file = (this.#file ??= await this.#openCurrent());
    try {
      await file.appendFile(content);
      await file.datasync();
      if (!(await this.#isCurrent(file))) return await this.#append(content); // taken, perhaps before these lines were there
      this.#size += content.length;
    } catch (error) {
      await this.#close().catch(() => undefined); // opened again, without the part that was written
      throw error;
    }
  }

  /** Whether no leader has taken the file. Network file systems ask their server when a file is opened. */
  async #isCurrent(file: FileHandle): Promise<boolean> {
    const there = await open(this.#pathOf(currentOf(this.#own)), "r").catch(absentAs(undefined));
    if (there === undefined) return false;
    try {
      return (await there.stat()).ino === (await file.stat()).ino;
    } finally {
      await there.close();
    }
  }

  async #openCurrent(): Promise<FileHandle> {
    await mkdir(this.#options.path, { recursive: true });
    const file = await open(this.#pathOf(currentOf(this.#own)), "a");
    try {
      const { size } = await file.stat();
      this.#size = Math.min(size, this.#size);
      if (size > this.#size) await file.truncate(this.#size);
      await syncFolder(this.#options.path);
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** What a writer said last of each server: in its file, and before that what was written down. */
  async #readFileOf({
    writer,
    servers,
  }: WrittenServers): Promise<{ known: KnownServers; content: Content | undefined }> {
    const known = new Map(servers.map((message) => [message.uid, message]));
    const content = await readContent(this.#pathOf(currentOf(writer)), known).catch(absentAs(undefined));
    return { known, content };
  }

  async #readServers(writer: string): Promise<WrittenServers | undefined> {
    const path = this.#pathOf(serversOf(writer));
    const text = await readFile(path, "utf8").catch(absentAs(undefined));
    if (text === undefined) return undefined;
    const { term, servers } = parseObject(text) ?? {};
    const isKnown = (server: unknown): boolean => isObject(server) && typeof server["uid"] === "string";
    return {
      writer,
      term: typeof term === "number" ? term : undefined,
      servers: Array.isArray(servers) ? (servers.filter(isKnown) as readonly AuditMessage[]) : [], // as they were written
      writtenMs: (await stat(path).catch(absentAs({ mtimeMs: 0 }))).mtimeMs,
    };
  }

  async #writeServers(writer: string, { term, known }: Memory): Promise<void> {
    const servers = [...known.values()].filter(({ status }) => status !== LAST_STATE);
    await this.#makingRoom(() => replaceFile(this.#options.path, serversOf(writer), JSON.stringify({ term, servers })));
  }

  async #makingRoom(write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      if (!hasCode(error, "ENOSPC", "EDQUOT") || !(await this.#dropOldest("VolumeFull"))) throw error;
      await write();
    }
  }

  async #makeRoom(): Promise<void> {
    const { mostBytes, rotateBytes } = this.#options;
    for (;;) {
      const files = await this.rotated();
      const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
      if (total + rotateBytes <= mostBytes || !(await this.#dropOldest("Limit"))) return;
    }
  }

  /** @returns Whether there was one. */
  async #dropOldest(because: "Limit" | "VolumeFull"): Promise<boolean> {
    const [oldest] = await this.rotated();
    if (oldest === undefined) return false;
    const { lines } = await digestOf(oldest.path).catch(absentAs({ lines: 0 })); // uploaded by another
    await this.remove(oldest);
    this.#options.onDropped(lines, because);
    return true;
  }

  #pathOf(name: string): string {
    return join(this.#options.path, name);
  }
}

/** What a process wrote down. */
type WrittenServers = {
  readonly writer: string;
  readonly term: number | undefined;
  readonly servers: readonly AuditMessage[];
  readonly writtenMs: number;
};

/** As the legacy version (0.24) named its files: `20261128_133621+0000`. */
function stampOf(began: string | undefined): string {
  const time = new Date(began ?? Number.NaN);
  const digits = (Number.isNaN(time.getTime()) ? new Date() : time).toISOString().replaceAll(/[-:]|\..*/g, "");
  return `${digits.replace("T", "_")}+0000`;
}
