import { ApiError, isAlreadyExists, isConflict, isForbidden, isInvalid, isNotFound } from "@amalthea/kube";
import type { Action, ActionOf } from "../decide/decision.ts";
import type { ObservedFailure } from "../decide/live/observed.ts";

/** Longest message that is kept of a refusal: a condition's message may have 32,768 bytes, people read one sentence. */
const MESSAGE_LIMIT = 1_000;

/**
 * What to remember of an error that trying again at once cannot fix: not permitted or over quota, a name that is taken,
 * an object that is invalid, a kind that is not served any more, an admission webhook that is down. Undefined for every
 * other error.
 */
export function asRefusal(action: Action, error: unknown): ObservedFailure | undefined {
  if (!(error instanceof ApiError) || !isRefusal(action, error)) return undefined;
  return {
    childKey: action.childKey,
    kind: action.target.kind,
    code: error.code,
    message: refusalMessage(action, error),
    desiredHash: action.desiredHash,
  };
}

/** What to remember of a Secret whose name somebody else's has. */
export function nameTaken(action: ActionOf<"EnsureSecret">): ObservedFailure {
  const { name } = action.secret.manifest.metadata;
  return {
    childKey: action.childKey,
    kind: action.target.kind,
    code: 409,
    message: `a Secret ${name} exists and belongs to somebody else`,
    desiredHash: action.desiredHash,
  };
}

/** The error as the queue should take it: a failed `test` of a JSON patch means that the cached version was old. */
export function asRetryable(action: Action, error: unknown): unknown {
  if (action.kind !== "PatchMetadata" || !(error instanceof ApiError) || !isInvalid(error)) return error;
  return new ApiError(
    `patch of ${action.target.kind} ${action.target.name}`,
    { code: 409, reason: "Conflict" },
    { cause: error },
  );
}

/** The object that was to be removed is not there any more; another one may have its name. */
export function isGoneOrReplaced(error: unknown): boolean {
  return isNotFound(error) || isConflict(error);
}

function isRefusal(action: Action, error: ApiError): boolean {
  if (action.kind === "PatchMetadata") return isForbidden(error);
  return isForbidden(error) || isInvalid(error) || isAlreadyExists(error) || isTroubleOfOneChild(action, error);
}

/**
 * What concerns one child must not keep the others and the status from being written: 500 is a webhook that does not
 * answer, 404 to an apply is a kind whose CRD is gone. An API server that is itself in trouble mostly says 429, 503
 * or 504, or nothing at all.
 */
function isTroubleOfOneChild(action: Action, error: ApiError): boolean {
  switch (action.kind) {
    case "Apply":
      return error.code === 500 || isNotFound(error);
    case "EnsureSecret":
      return error.code === 500;
    default:
      return false;
  }
}

/** The API server's sentence, which names field and value; not for Secrets, whose values nobody must read. */
function refusalMessage(action: Action, error: ApiError): string {
  const detail = action.kind === "EnsureSecret" ? "" : error.detail;
  return (detail === "" ? error.message : detail).slice(0, MESSAGE_LIMIT);
}
