import type { LogLevel } from "./config.ts";

/** Structured log. Messages are constant, variables are fields; no field ever holds a token, a cookie or a query. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
}

type LogFields = Readonly<Record<string, string | number | undefined>>;

/** One JSON object per line, in the field names of the controller's log. */
export function jsonLog(level: LogLevel, now: () => number, write: (line: string) => void): Log {
  const line =
    (name: string) =>
    (message: string, fields: LogFields = {}): void =>
      write(`${JSON.stringify({ level: name, time: new Date(now()).toISOString(), ...fields, message })}\n`);
  return { debug: level === "debug" ? line("debug") : () => undefined, info: line("info"), warn: line("warn") };
}
