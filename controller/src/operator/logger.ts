import { pino } from "pino";
import { ApiError, type Logger } from "@amalthea/kube";

/** Fields that may contain secrets, at the top of an entry or one level below. */
const SECRET_FIELDS = ["data", "stringData", "token", "spec", "object", "manifest", "authorization", "password"];

/**
 * A logger that writes one JSON object a line to standard output. Messages are constant, variables are fields; errors are
 * written without what the API server said about an object's content.
 */
export function createLogger(level: string): Logger {
  return pino({
    level,
    base: { controller: "amalthea" },
    messageKey: "message",
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]), censor: "[redacted]" },
    serializers: { err: describeError },
  });
}

/** The loggable form of an error: without bodies, which may contain the content of a Secret. */
function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) };
  const cause = error.cause instanceof Error ? { cause: describeError(error.cause) } : {};
  const described = { type: error.name, message: error.message, stack: error.stack, ...cause };
  return error instanceof ApiError ? { ...described, code: error.code, reason: error.reason } : described;
}
