import { FIELD_MANAGERS } from "@amalthea/api";
import {
  type Clock,
  isAlreadyExists,
  isNamespaceTerminating,
  isNotFound,
  keyOf,
  type Kind,
  kinds,
  type KubeClient,
  type Live,
} from "@amalthea/kube";
import type { Action, ActionOf, Manifest } from "../decide/decision.ts";
import { controllerOf } from "../decide/values/controller.ts";
import type { KindName } from "../kinds.ts";
import type { ActionResult } from "./action-result.ts";
import type { ApplyHistory, LiveVersion } from "./apply-history.ts";
import { changeChild } from "./change-child.ts";
import { ensureSecret } from "./ensure-secret.ts";
import { asRetryable, heldByEarlier, isGoneOrReplaced, isOfEarlier, asRefusal } from "./refusal.ts";

export type ApplyDeps = {
  /** Its writes throw unless this process is the leader. */
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly findKind: (name: KindName) => Kind;
  /** Version of an object as the caches have it, for the loop breaker. */
  readonly liveVersion: (kind: Kind, manifest: Manifest) => LiveVersion | undefined;
  readonly history: ApplyHistory;
  /** Called after each action, before the next, so that it is known even if the next one fails. */
  readonly record: (result: ActionResult) => void;
};

/** What is known about the server beyond its plan. */
export type PlanContext = {
  /** An earlier reconcile saw the Secret: read it before creating it. */
  readonly secretExpected: boolean;
};

/**
 * Performs one action.
 *
 * @returns Its result, including a permanent refusal. @throws ApiError, ConnectionError for what the queue should try
 * again.
 */
export async function performAction(
  action: Action,
  context: PlanContext,
  deps: ApplyDeps,
  signal: AbortSignal,
): Promise<ActionResult> {
  try {
    return await perform(action, context, deps, signal);
  } catch (error) {
    if (isNamespaceTerminating(error)) {
      return { kind: "Skipped", action, because: "NamespaceTerminating", retryAfterMs: undefined };
    }
    const failure = asRefusal(action, error);
    if (failure === undefined) throw asRetryable(action, error);
    return { kind: "Refused", action, failure };
  }
}

async function perform(
  action: Action,
  context: PlanContext,
  deps: ApplyDeps,
  signal: AbortSignal,
): Promise<ActionResult> {
  switch (action.kind) {
    case "EnsureSecret":
      return await ensureSecret(action, deps.client, context.secretExpected, signal);
    case "Apply":
      return await applyChild(action, deps, signal);
    case "Remove":
    case "RemovePod":
      return await remove(action, deps, signal);
    case "Scale": {
      const { client } = deps;
      const at = deps.findKind(action.target);
      const body = { spec: { replicas: action.replicas } };
      // The response is a Scale, not the object: the watch delivers that.
      await client.patch(at, action.target, { kind: "Merge", body }, { subresource: "scale" }, signal);
      return { kind: "Written", action, at, object: undefined };
    }
    case "Resize": {
      const body = { spec: { containers: [{ name: action.container, resources: action.resources }] } };
      const patch = { kind: "Strategic", body } as const;
      const object = await deps.client.patch(kinds.Pod, action.target, patch, { subresource: "resize" }, signal);
      return { kind: "Written", action, at: kinds.Pod, object };
    }
    case "Cull":
      return await cull(action, deps, signal);
    case "PatchMetadata": {
      const at = deps.findKind(action.target);
      const patch = { kind: "Json", operations: action.operations } as const;
      return { kind: "Written", action, at, object: await deps.client.patch(at, action.target, patch, {}, signal) };
    }
  }
}

/** A wrong clock is corrected in steps, perhaps by a person. */
const CLOCK_RETRY_MS = 10_000;

/**
 * Hibernates or deletes exactly the version of the server that was decided on: any change since then is considered
 * first. A limit that is reached only by a wrong clock is not enforced.
 */
async function cull(action: ActionOf<"Cull">, deps: ApplyDeps, signal: AbortSignal): Promise<ActionResult> {
  if (action.isClockAhead) return { kind: "Skipped", action, because: "ClockAhead", retryAfterMs: CLOCK_RETRY_MS };
  const { target, resourceVersion, annotations } = action;
  const { uid } = target;
  const at = deps.findKind(target);
  if (action.cull.kind === "Delete") {
    const options = { uid, resourceVersion, propagationPolicy: "Background" } as const;
    const object = await deps.client.remove(at, target, options, signal);
    if (object !== undefined) return { kind: "Written", action, at, object };
    return { kind: "Removed", action, at, key: keyOf(target), uid };
  }
  const body = { metadata: { uid, resourceVersion, annotations }, spec: { jupyterServer: { hibernated: true } } };
  const options = { fieldManager: FIELD_MANAGERS.culling };
  const object = await deps.client.patch(at, target, { kind: "Merge", body }, options, signal);
  return { kind: "Written", action, at, object };
}

async function applyChild(action: ActionOf<"Apply">, deps: ApplyDeps, signal: AbortSignal): Promise<ActionResult> {
  const { manifest, desiredHash } = action;
  const at = deps.findKind(manifest);
  if (action.create) return await createChild(action, at, deps, signal);
  const before = deps.liveVersion(at, manifest);
  const waitMs = before === undefined ? 0 : deps.history.waitMs(before, desiredHash, deps.clock.monotonicMs());
  if (waitMs > 0) {
    const retryAfterMs = Number.isFinite(waitMs) ? waitMs : undefined;
    return { kind: "Skipped", action, because: retryAfterMs === undefined ? "Equivalent" : "Contested", retryAfterMs };
  }
  const object = await changeChild(manifest, at, deps.client, signal, action.resourceVersion);
  return written({ action, at, before, object }, deps);
}

type Applied = {
  readonly action: ActionOf<"Apply">;
  readonly at: Kind;
  /** The version that the apply met; undefined if it created the object. */
  readonly before: LiveVersion | undefined;
  readonly object: Live;
};

function written({ action, at, before, object }: Applied, { history, clock }: ApplyDeps): ActionResult {
  history.record(before?.resourceVersion, object.metadata, action.desiredHash, clock.monotonicMs());
  return { kind: "Written", action, at, object };
}

/**
 * Creates a child that the caches do not have. If one of that name exists after all, it is ours if this server controls
 * it (it lost the label that we watch by, or the watch is late), and somebody else's otherwise.
 */
async function createChild(
  action: ActionOf<"Apply">,
  at: Kind,
  deps: ApplyDeps,
  signal: AbortSignal,
): Promise<ActionResult> {
  const { manifest } = action;
  try {
    const object = await deps.client.apply(at, manifest, { createOnly: true }, signal);
    return written({ action, at, before: undefined, object }, deps);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    const present = await deps.client.find(at, manifest.metadata, signal);
    const owner = controllerOf(manifest);
    if (present === undefined || isOfEarlier(present, owner)) {
      return { kind: "Refused", action, failure: heldByEarlier(action) };
    }
    if (owner === undefined || controllerOf(present)?.uid !== owner.uid) throw error;
    const object = await deps.client.apply(at, manifest, {}, signal);
    return written({ action, at, before: present.metadata, object }, deps);
  }
}

async function remove(
  action: ActionOf<"Remove" | "RemovePod">,
  deps: ApplyDeps,
  signal: AbortSignal,
): Promise<ActionResult> {
  const { target } = action;
  const at = deps.findKind(target);
  const removed: ActionResult = { kind: "Removed", action, at, key: keyOf(target), uid: target.uid };
  const resourceVersion = action.kind === "Remove" ? action.resourceVersion : undefined;
  try {
    const options = { uid: target.uid, resourceVersion, propagationPolicy: "Background" } as const;
    const object = await deps.client.remove(at, target, options, signal);
    return object === undefined ? removed : { kind: "Written", action, at, object };
  } catch (error) {
    // It may have changed since the decision, rather than have been replaced: read it again.
    if (isGoneOrReplaced(error) && (resourceVersion === undefined || isNotFound(error))) return removed;
    throw error;
  }
}
