import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, readdir, readFile, rename, stat, truncate, unlink } from "node:fs/promises";
import { join } from "node:path";
import { type KnownServers, readLine } from "../decide/audit/known-servers.ts";
import { type AuditMessage, type AuditRecord, LAST_STATE } from "../decide/audit/record.ts";
import { isObject, parseObject } from "../decide/values/json.ts";
import type { Sink } from "./sink.ts";

export type LogFolderOptions = {
  readonly path: string;
  /** A file is finished when it has this size, or this age. */
  readonly rotateBytes: number;
  readonly rotateSeconds: number;
  /** What all files together may take: the oldest finished one is deleted for a new one. */
  readonly mostBytes: number;
  /** Lines of finished files that were deleted to make room. */
  readonly onDropped: (lines: number) => void;
  /** There is a finished file more. */
  readonly onFinished: () => void;
  /** Lines are written, but their file cannot be finished; it is tried again with the next ones. */
  readonly onProblem: (error: unknown) => void;
};

/** A finished file, which does not change any more. */
export type FinishedFile = { readonly name: string; readonly path: string; readonly bytes: number };

/** What a folder says of earlier terms. */
export type Memory = { readonly term: number | undefined; readonly known: KnownServers };

const CURRENT = "current.txt";
/** In the place of the lines of finished files, which may be gone. */
const SERVERS = "servers.json";
const FINISHED = /^amalthea_audit_log_\d{8}_\d{6}\+0000_[0-9a-f]{12}\.txt$/;

/** Files in a folder: one that lines are appended to, and finished ones. One process at a time writes there. */
export class LogFolder implements Sink {
  readonly #options: LogFolderOptions;
  #file: FileHandle | undefined;
  /** Bytes of the current file up to the end of its last whole line; undefined before it was read. */
  #size: number | undefined;
  /** When the current file was begun. */
  #since = new Date();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: LogFolderOptions) {
    this.#options = options;
  }

  /**
   * Continues what an earlier process left, without the part of a line that a crash may have left at its end.
   * @returns What it said last. @throws if the folder cannot be used.
   */
  async resume(): Promise<Memory> {
    return await this.#inTurn(async () => {
      await this.#close();
      this.#size = undefined;
      await mkdir(this.#options.path, { recursive: true });
      const { term, servers } = await this.#readServers();
      return { term, known: await this.#knownFrom(servers) };
    });
  }

  /** Writes down who writes from now on, and what the log says of the servers, or would if it had told of them. */
  async remember(memory: Memory): Promise<void> {
    await this.#inTurn(() => this.#remember(memory));
  }

  async append(lines: readonly string[]): Promise<void> {
    const content = Buffer.from(lines.map((line) => `${line}\n`).join(""));
    await this.#inTurn(async () => {
      await this.#appendMakingRoom(content);
      if ((this.#size ?? 0) >= this.#options.rotateBytes) await this.#finish().catch(this.#options.onProblem);
    });
  }

  /** Milliseconds until the current file is old enough to be finished. */
  dueInMs(now: Date): number {
    return Math.max(0, this.#since.getTime() + this.#options.rotateSeconds * 1_000 - now.getTime());
  }

  /** Finishes the current file, unless it is empty, and makes room for the next one. */
  async finish(): Promise<void> {
    await this.#inTurn(() => this.#finish());
  }

  /** The oldest first. */
  async finished(): Promise<readonly FinishedFile[]> {
    const names = await readdir(this.#options.path).catch(absentAs([]));
    const files = names
      .filter((name) => FINISHED.test(name))
      .toSorted()
      .map(async (name) => {
        const path = this.#pathOf(name);
        const bytes = (await stat(path).catch(absentAs({ size: -1 }))).size; // another replica may have taken it
        return { name, path, bytes };
      });
    return (await Promise.all(files)).filter(({ bytes }) => bytes >= 0);
  }

  /** Deletes a finished file. */
  async remove({ path }: FinishedFile): Promise<void> {
    await unlink(path).catch(absentAs(undefined));
  }

  async close(): Promise<void> {
    await this.#inTurn(() => this.#close());
  }

  /** What changes files is done one after the other. */
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

  async #finish(): Promise<void> {
    if ((this.#size ?? 0) > 0) {
      await this.#close();
      const { term, servers } = await this.#readServers();
      await this.#remember({ term, known: await this.#knownFrom(servers) }); // the lines that say so go
      const { sha256 } = await digestOf(this.#pathOf(CURRENT));
      const name = `amalthea_audit_log_${stampOf(this.#since)}_${sha256.slice(0, 12)}.txt`;
      await rename(this.#pathOf(CURRENT), this.#pathOf(name));
      await this.#syncFolder();
      this.#size = 0;
      this.#options.onFinished();
    }
    this.#since = new Date();
    await this.#makeRoom();
  }

  async #remember({ term, known }: Memory): Promise<void> {
    const servers = [...known.values()].filter(({ status }) => status !== LAST_STATE);
    await this.#replaceFile(SERVERS, JSON.stringify({ term, servers }));
  }

  async #appendMakingRoom(content: Buffer): Promise<void> {
    try {
      await this.#append(content);
    } catch (error) {
      if (!isFull(error) || !(await this.#dropOldest())) throw error;
      await this.#append(content);
    }
  }

  async #append(content: Buffer): Promise<void> {
    const file = (this.#file ??= await this.#openCurrent());
    try {
      await file.appendFile(content);
      await file.datasync();
      this.#size = (this.#size ?? 0) + content.length;
    } catch (error) {
      await this.#close().catch(() => undefined); // opened again, without the part that was written
      throw error;
    }
  }

  async #openCurrent(): Promise<FileHandle> {
    await mkdir(this.#options.path, { recursive: true });
    if (this.#size === undefined) await this.#readCurrent();
    const file = await open(this.#pathOf(CURRENT), "a");
    try {
      const { size } = await file.stat();
      this.#size = Math.min(size, this.#size ?? 0);
      if (size > this.#size) await file.truncate(this.#size);
      await this.#syncFolder();
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** What the log says last of each server: its current file, and before that what was written down. */
  async #knownFrom(servers: readonly AuditMessage[]): Promise<KnownServers> {
    const said = (await this.#readCurrent()).map(({ message }) => message);
    return new Map([...servers, ...said].map((message) => [message.uid, message]));
  }

  /** Reads the current file, cuts it where its last whole line ends, and notes when it began. */
  async #readCurrent(): Promise<readonly AuditRecord[]> {
    const content = await readFile(this.#pathOf(CURRENT)).catch(absentAs(Buffer.alloc(0)));
    this.#size = content.lastIndexOf("\n") + 1;
    if (this.#size < content.length) await truncate(this.#pathOf(CURRENT), this.#size);
    const lines = content.toString("utf8", 0, this.#size).split("\n");
    const records = lines.flatMap((line) => readLine(line) ?? []);
    const began = new Date(records[0]?.time ?? Number.NaN);
    this.#since = Number.isNaN(began.getTime()) ? new Date() : began;
    return records;
  }

  async #readServers(): Promise<{ readonly term: number | undefined; readonly servers: readonly AuditMessage[] }> {
    const memory = parseObject(await readFile(this.#pathOf(SERVERS), "utf8").catch(absentAs(""))) ?? {};
    const { term, servers } = memory;
    const isKnown = (server: unknown): boolean => isObject(server) && typeof server["uid"] === "string";
    return {
      term: typeof term === "number" ? term : undefined,
      servers: Array.isArray(servers) ? (servers.filter(isKnown) as readonly AuditMessage[]) : [], // as `remember` wrote them
    };
  }

  async #makeRoom(): Promise<void> {
    const { mostBytes, rotateBytes } = this.#options;
    for (;;) {
      const files = await this.finished();
      const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
      if (total + rotateBytes <= mostBytes || !(await this.#dropOldest())) return;
    }
  }

  /** @returns Whether there was one. */
  async #dropOldest(): Promise<boolean> {
    const [oldest] = await this.finished();
    if (oldest === undefined) return false;
    const { lines } = await digestOf(oldest.path);
    await this.remove(oldest);
    this.#options.onDropped(lines);
    return true;
  }

  async #replaceFile(name: string, text: string): Promise<void> {
    const next = this.#pathOf(`${name}.new`);
    const file = await open(next, "w");
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(next, this.#pathOf(name));
    await this.#syncFolder();
  }

  /** Names in a folder are as safe as the folder is. */
  async #syncFolder(): Promise<void> {
    const folder = await open(this.#options.path, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  #pathOf(name: string): string {
    return join(this.#options.path, name);
  }
}

/** What a file holds. */
export async function digestOf(path: string): Promise<{ readonly sha256: string; readonly lines: number }> {
  const hash = createHash("sha256");
  let lines = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, end + 1)) lines += 1;
  }
  return { sha256: hash.digest("hex"), lines };
}

/** As the legacy version (0.24) named its files: `20261128_133621+0000`. */
function stampOf(time: Date): string {
  const digits = time.toISOString().replaceAll(/[-:]|\..*/g, "");
  return `${digits.replace("T", "_")}+0000`;
}

function isFull(error: unknown): boolean {
  return isObject(error) && (error["code"] === "ENOSPC" || error["code"] === "EDQUOT");
}

/** For `catch`: a file that is not there counts as this. */
function absentAs<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (isObject(error) && error["code"] === "ENOENT") return value;
    throw error;
  };
}
