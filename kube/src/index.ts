export { exponentialMs, jitter } from "./backoff.ts";
export { type Clock, onAbort, systemClock, untilAborted, withDeadline } from "./clock.ts";
export { type CallResult, type KubeClient, type ListOptions, type Patch, type WriteOptions, fenced } from "./client.ts";
export { type ControllerOptions, type ReconcileOutcome, type ReconcileResult, runController } from "./controller.ts";
export {
  ApiError,
  ConnectionError,
  isAlreadyExists,
  isConflict,
  isFault,
  isForbidden,
  isInvalid,
  isNamespaceTerminating,
  isNotFound,
  KubeConfigError,
  LeadershipLostError,
  NotLeaderError,
} from "./errors.ts";
export { EventRecorder, type NewEvent } from "./events.ts";
export { Informer, type InformerOptions } from "./informer.ts";
export { defineKind, type Kind, kindOf, kinds } from "./kinds.ts";
export { inClusterConfig, type KubeConfig, readKubeConfig } from "./kube-config.ts";
export { LeaderElection, type LeaderElectionOptions } from "./leader-election.ts";
export { type Logger } from "./logger.ts";
export {
  keyOf,
  type KubeObject,
  type Live,
  type LiveMetadata,
  type WriteBody,
  type ObjectKey,
  type ObjectRef,
} from "./objects.ts";
export { type Store, type StoreChange } from "./store.ts";
export { RequestQueue } from "./request-queue.ts";
export { type ClientOptions, createClient } from "./rest-client.ts";
export { type Lane, WorkQueue } from "./work-queue.ts";
export { withoutBookkeeping } from "./transform.ts";
