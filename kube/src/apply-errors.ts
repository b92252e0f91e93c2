import { ApiError } from "./errors.ts";
import type { Kind } from "./kinds.ts";
import type { ObjectRef } from "./objects.ts";

/**
 * A resourceVersion that no object has: etcd's revision is 1 before the first write. An apply that carries it creates
 * the object, or is refused with 409 if there is one of that name, whoever created it. A POST would be refused as
 * well, but leave us as a manager by `Update`, beside which later applies could never remove a field.
 */
export const RESOURCE_VERSION_OF_NO_OBJECT = "1";

/** What is wrong with a manifest that does not match its schema, before any validation rule is evaluated. */
const UNREADABLE = /^failed to (create typed patch object|convert new object)/;

/**
 * What the response to an apply means. The API server returns 500 for a manifest with an unknown field, a value of the
 * wrong type or two entries of one key (seen on 1.35), but 400 for a POST: it is the sender's mistake, and retrying
 * cannot help.
 */
export function applyError(error: unknown, kind: Kind, ref: ObjectRef, createOnly: boolean): unknown {
  if (!(error instanceof ApiError)) return error;
  const { request, detail, about } = error;
  if (error.code === 500 && UNREADABLE.test(detail)) {
    return new ApiError(request, { code: 422, reason: "Invalid", detail }, { cause: error });
  }
  // A conflict about another object, a quota for instance, stays one.
  if (createOnly && error.code === 409 && about === `${kind.plural}/${ref.name}`) {
    return new ApiError(request, { code: 409, reason: "AlreadyExists", detail, about }, { cause: error });
  }
  return error;
}
