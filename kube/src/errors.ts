/** One reason why the API server refused a request, as it names it. */
export type Cause = { readonly field?: string; readonly reason?: string; readonly message?: string };

/**
 * The API server returned an error. The message names the request, the code and the reason, never the body: a body may
 * contain what a Secret contains. `detail` is the server's own sentence, for a log at debug or a condition of the
 * owner.
 */
export class ApiError extends Error {
  override readonly name = "ApiError";
  /** Verb, kind and name: `apply StatefulSet ns/name`. */
  readonly request: string;
  /** HTTP status code, or the code of the Status object inside a watch. */
  readonly code: number;
  /** Machine-readable reason of the Status object: `NotFound`, `Conflict`, `Invalid` …; empty if there was none. */
  readonly reason: string;
  readonly detail: string;
  readonly causes: readonly Cause[];
  /** `plural/name` of the object that the error is about; not always the requested one: a quota, for instance. */
  readonly about: string | undefined;
  /** How long the server asks the client to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(
    request: string,
    answer: {
      readonly code: number;
      readonly reason?: string | undefined;
      readonly detail?: string | undefined;
      readonly causes?: readonly Cause[] | undefined;
      readonly about?: string | undefined;
      readonly retryAfterMs?: number | undefined;
    },
    options?: ErrorOptions,
  ) {
    super(`${request} failed: ${answer.code} ${answer.reason ?? ""}`.trimEnd(), options);
    this.request = request;
    this.code = answer.code;
    this.reason = answer.reason ?? "";
    this.detail = answer.detail ?? "";
    this.causes = answer.causes ?? [];
    this.about = answer.about;
    this.retryAfterMs = answer.retryAfterMs;
  }
}

/** The API server could not be reached, or did not respond in time. The queue retries. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
}

/** A write was refused by ourselves because another process may be the leader by now. */
export class NotLeaderError extends Error {
  override readonly name = "NotLeaderError";
}

/** The lease was lost: another process may lead. Only a new process can recover. */
export class LeadershipLostError extends Error {
  override readonly name = "LeadershipLostError";
}

/**
 * The kubeconfig or the files of a pod's service account cannot be used. The message is for the person who started us.
 */
export class KubeConfigError extends Error {
  override readonly name = "KubeConfigError";
}

const hasReason = (error: unknown, code: number, reason?: string): boolean =>
  error instanceof ApiError && error.code === code && (reason === undefined || error.reason === reason);

/** The object, or its kind, is not there. */
export const isNotFound = (error: unknown): boolean => hasReason(error, 404);
/** The object changed since it was read, or has another uid: read it again. */
export const isConflict = (error: unknown): boolean => hasReason(error, 409) && !isAlreadyExists(error);
/** An object of that name exists already; also what `apply` with `createOnly` throws then. */
export const isAlreadyExists = (error: unknown): boolean => hasReason(error, 409, "AlreadyExists");
/** The object violates its schema or an admission check, or changes an immutable field. */
export const isInvalid = (error: unknown): boolean => hasReason(error, 422) || hasReason(error, 400);
/** The resourceVersion is too old: list again. */
export const isGone = (error: unknown): boolean =>
  hasReason(error, 410) || (error instanceof ApiError && error.reason === "Expired");
/** The request is forbidden. */
export const isForbidden = (error: unknown): boolean => hasReason(error, 403);
/** The namespace is being deleted: nothing can be created in it any more. */
export const isNamespaceTerminating = (error: unknown): boolean =>
  error instanceof ApiError && error.causes.some((cause) => cause.reason === "NamespaceTerminating");
/** An exception of our own code, or its time limit: neither a response of the API server, nor the lack of one. */
export const isFault = (error: unknown): boolean =>
  !(error instanceof ApiError || error instanceof ConnectionError || error instanceof NotLeaderError);
