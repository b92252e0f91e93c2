import { ANNOTATIONS } from "@amalthea/api";
import type { Action } from "../decision.ts";
import { BoundedDocument } from "../patch/bounded-document.ts";
import { requiredSecretKeys } from "../children/secret.ts";
import { contentHash } from "../values/hash.ts";
import { copyOf, objectOf, valueAt, type JsonObject } from "../values/json.ts";
import { isSameObject, replicasOf } from "../live/child.ts";
import type { LiveChild, Observed } from "../live/observed.ts";
import { planFor, type PlanDecision } from "../plan/plan.ts";
import type { DecisionSettings } from "../settings.ts";
import { anObserved, aReadyPod, aServer, NOW, someSettings, type ServerOptions } from "./builders.ts";

// For tests: a world, what is planned in it, and the world after a plan was applied and Kubernetes' own controllers ran.

/** A world in which the server runs as its spec says, and nothing is left to do. */
export function running(options: ServerOptions = {}): Observed {
  const start = anObserved({ server: aServer(options) });
  return carryOut(start, decide(start).plan);
}

/** The world after somebody updated the server. */
export function change(world: Observed, options: ServerOptions): Observed {
  return { ...world, server: aServer(options) };
}

/** The world after somebody edited the children of a kind. */
export function withChild(world: Observed, kind: string, edit: (child: LiveChild) => LiveChild): Observed {
  return { ...world, children: world.children.map((child) => (child.kind === kind ? edit(copyOf(child)) : child)) };
}

/** A server that was asked to restart. */
export function restartedAt(value: string): ServerOptions {
  return { metadata: { annotations: { [ANNOTATIONS.restartedAt]: value } } };
}

/** What is planned in a world. */
export function decide(world: Observed, settings: DecisionSettings = someSettings()): PlanDecision {
  return planFor(world, settings, NOW);
}

/** A plan in words. */
export function sentences({ plan }: Pick<PlanDecision, "plan">): readonly string[] {
  return plan.map((action) => `${action.kind} ${subject(action)}: ${action.because}`);
}

/** What an action is about: the key of a child, or the kind of an object. */
export function subject(action: Action): string {
  return action.kind === "Apply" || action.kind === "EnsureSecret" ? action.childKey : action.target.kind;
}

/** The world after a plan was applied and the StatefulSet controller ran. */
export function carryOut(observed: Observed, plan: readonly Action[]): Observed {
  return settleReplicas(plan.reduce(perform, observed));
}

function perform(observed: Observed, action: Action): Observed {
  switch (action.kind) {
    case "EnsureSecret": {
      const { secret } = action;
      return {
        ...observed,
        secret: {
          kind: "Present",
          uid: "secret",
          keys: requiredSecretKeys(secret),
          contentHash: secret.contentHash,
        },
      };
    }
    case "Apply": {
      const before = observed.children.find((child) => isSameObject(child, action.manifest));
      const others = observed.children.filter((child) => child !== before);
      return { ...observed, children: [...others, applied(before, action)] };
    }
    case "Remove":
      return { ...observed, children: observed.children.filter(({ metadata }) => metadata.uid !== action.target.uid) };
    case "RemovePod":
      return { ...observed, pod: undefined };
    case "Scale":
      return {
        ...observed,
        children: observed.children.map((child) =>
          child.metadata.uid === action.target.uid ? scaled(child, action.replicas) : child,
        ),
      };
    case "Resize":
      return { ...observed, pod: resized(observed.pod, action.resources) };
    case "Cull":
      return action.cull.kind === "Hibernate"
        ? hibernated(observed, action.annotations)
        : { ...observed, children: [], pod: undefined };
    case "PatchMetadata":
      return patched(observed, action.target.uid, action.operations);
  }
}

function hibernated({ server, ...world }: Observed, noted: Readonly<Record<string, string>>): Observed {
  const jupyterServer = { ...server.spec.jupyterServer, hibernated: true };
  const metadata = { ...server.metadata, annotations: { ...server.metadata.annotations, ...noted } };
  return { ...world, server: { ...server, metadata, spec: { ...server.spec, jupyterServer } } };
}

function applied(before: LiveChild | undefined, { manifest }: Extract<Action, { kind: "Apply" }>): LiveChild {
  const generation = (before?.metadata.generation ?? 0) + 1;
  const uid = before?.metadata.uid ?? `uid-of-${manifest.kind}-${manifest.metadata.name}`;
  // Owner references are kept by the API server when an apply leaves them out.
  const owners = manifest.metadata.ownerReferences ?? before?.metadata.ownerReferences;
  const live = copyOf({
    ...manifest,
    metadata: {
      ...manifest.metadata,
      uid,
      generation,
      resourceVersion: String(generation),
      creationTimestamp: NOW.toISOString(),
      ...(owners === undefined ? {} : { ownerReferences: owners }),
    },
  }) as unknown as LiveChild;
  return live.kind === "StatefulSet"
    ? { ...live, status: { observedGeneration: generation, updateRevision: revisionOf(live) } }
    : live;
}

function revisionOf(statefulSet: LiveChild): string {
  return contentHash(valueAt(statefulSet.spec, "template"));
}

function scaled(child: LiveChild, replicas: number): LiveChild {
  return { ...child, spec: { ...child.spec, replicas } };
}

function resized(pod: Observed["pod"], resources: unknown): Observed["pod"] {
  if (pod === undefined) return undefined;
  const containers = (pod.spec?.containers ?? []).map((container) =>
    container.name === "jupyter-server" ? { ...container, resources: objectOf(resources) } : container,
  );
  return { ...pod, spec: { ...pod.spec, containers } };
}

function patched(observed: Observed, uid: string, operations: readonly Readonly<JsonObject>[]): Observed {
  const change = <T>(object: T): T => {
    const document = new BoundedDocument(object);
    for (const operation of operations) document.applyOperation(operation);
    return document.root as T; // metadata is all that changes
  };
  if (observed.pod?.metadata.uid === uid) return { ...observed, pod: change(observed.pod) };
  if (observed.server.metadata.uid === uid) return { ...observed, server: change(observed.server) };
  return {
    ...observed,
    children: observed.children.map((child) => (child.metadata.uid === uid ? change(child) : child)),
  };
}

/** What the StatefulSet controller does. */
function settleReplicas(observed: Observed): Observed {
  const statefulSet = observed.children.find(({ kind }) => kind === "StatefulSet");
  // A pod that stops already takes its time.
  if (observed.pod?.metadata.deletionTimestamp !== undefined) return observed;
  if (statefulSet === undefined || replicasOf(statefulSet) === 0) return { ...observed, pod: undefined };
  if (observed.pod !== undefined) return observed;
  const template = objectOf(valueAt(statefulSet.spec, "template"));
  const metadata = objectOf(template["metadata"]);
  const labels = { ...objectOf(metadata["labels"]), "controller-revision-hash": revisionOf(statefulSet) };
  const annotations = objectOf(metadata["annotations"]) as Record<string, string>;
  const pod = aReadyPod({ spec: copyOf(objectOf(template["spec"])) });
  return {
    ...observed,
    pod: { ...pod, metadata: { ...pod.metadata, labels: labels as Record<string, string>, annotations } },
  };
}
