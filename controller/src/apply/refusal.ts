import { ApiError, isAlreadyExists, isConflict, isForbidden, isInvalid, isNotFound, type Live } from "@amalthea/kube";
import type { Action, ActionOf, OwnerReference } from "../decide/decision.ts";
import type { ObservedFailure } from "../decide/live/observed.ts";
import { controllerOf } from "../decide/values/controller.ts";

/** Longest message that is kept of a refusal: a condition's message may have 32,768 bytes, people read one sentence. */
const MESSAGE_LIMIT = 1_000;

/**
 * What to remember of an error that an immediate retry cannot fix: not permitted or over quota, a name that is taken,
 * an object that is invalid, a kind that is not served any more, an admission webhook that is down. Undefined for every
 * other error.
 */
export function asRefusal(action: Action, error: unknown): ObservedFailure | undefined {
  if (!(error instanceof ApiError) || !isRefusal(action, error)) return undefined;
  return failureOf(action, error.code, refusalMessage(action, error));
}

/** What to remember of a Secret whose name is taken by somebody else's. */
export function nameTaken(action: ActionOf<"EnsureSecret">): ObservedFailure {
  const { name } = action.secret.manifest.metadata;
  return failureOf(action, 409, `a Secret ${name} exists and belongs to somebody else`);
}

/** What to remember of a child whose name is still taken by an object of an earlier server of the same name. */
export function heldByEarlier(action: Action): ObservedFailure {
  const { kind, name } = action.target;
  const message = `the ${kind} ${name} of an earlier server is still there`;
  return { ...failureOf(action, 409, message), isHeldByEarlier: true };
}

function failureOf({ childKey, target, desiredHash }: Action, code: number, message: string): ObservedFailure {
  return { childKey, kind: target.kind, code, message, desiredHash };
}

/**
 * Whether an object was controlled by an earlier server of the same name. The name is the new one's, so the earlier one
 * cannot come back, and the garbage collector removes the object.
 *
 * @param owner The server that the object was to be created for.
 */
export function isOfEarlier(present: Live, owner: OwnerReference | undefined): boolean {
  const controller = controllerOf(present);
  if (owner === undefined || controller === undefined) return false;
  const [group] = owner.apiVersion.split("/");
  return (
    controller.kind === owner.kind &&
    controller.apiVersion.startsWith(`${group}/`) &&
    controller.name === owner.name &&
    controller.uid !== owner.uid
  );
}

/** The error as the queue should handle it: a failed `test` of a JSON patch means that the cached version was old. */
export function asRetryable(action: Action, error: unknown): unknown {
  if (action.kind !== "PatchMetadata" || !(error instanceof ApiError) || !isInvalid(error)) return error;
  return new ApiError(
    `patch of ${action.target.kind} ${action.target.name}`,
    { code: 409, reason: "Conflict" },
    { cause: error },
  );
}

/** The object to remove no longer exists; another one may have its name. */
export function isGoneOrReplaced(error: unknown): boolean {
  return isNotFound(error) || isConflict(error);
}

function isRefusal(action: Action, error: ApiError): boolean {
  if (action.kind === "PatchMetadata") return isForbidden(error);
  return isForbidden(error) || isInvalid(error) || isAlreadyExists(error) || isTroubleOfOneChild(action, error);
}

/**
 * An error of one child must not prevent the others and the status from being written: 500 is a webhook that does not
 * respond, 404 to an apply is a kind whose CRD is gone. An API server that is itself failing usually returns 429,
 * 503 or 504, or does not respond.
 */
function isTroubleOfOneChild(action: Action, error: ApiError): boolean {
  switch (action.kind) {
    case "Apply":
      return error.code === 500 || isNotFound(error);
    case "EnsureSecret":
      return error.code === 500;
    case "Resize":
      return isUnserved(error);
    default:
      return false;
  }
}

/** Whether the resource itself is missing, rather than an object of it: the API server is older than it. */
function isUnserved(error: ApiError): boolean {
  return isNotFound(error) && error.detail.includes("could not find the requested resource");
}

/** The API server's message, which names field and value; not for Secrets, whose values must not be exposed. */
function refusalMessage(action: Action, error: ApiError): string {
  if (action.kind === "Resize" && isUnserved(error)) {
    return "this Kubernetes cannot resize a running pod; 1.33 and newer can";
  }
  const detail = action.kind === "EnsureSecret" ? "" : error.detail;
  return (detail === "" ? error.message : detail).slice(0, MESSAGE_LIMIT);
}
