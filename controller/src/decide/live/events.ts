import type { LivePod } from "./pod.ts";
import type { ObservedEvent } from "./observed.ts";

/** The object that an Event is about. */
type Regarding = { readonly kind: string; readonly metadata: { readonly name: string } };

/** A pod as the API server returns it in a list has no kind. */
export function aboutPod({ metadata }: LivePod): Regarding {
  return { kind: "Pod", metadata };
}

/**
 * The newest of the events about an object with one of the reasons. Events have no order that one could rely on, and
 * outlive what they are about: those from before `since` speak of an earlier pod or claim of the same name.
 */
export function newestEvent(
  events: readonly ObservedEvent[],
  reasons: readonly string[],
  regarding: Regarding,
  since: Date,
): ObservedEvent | undefined {
  return events
    .filter(({ regardingKind }) => regardingKind === regarding.kind)
    .filter(({ regardingName }) => regardingName === regarding.metadata.name)
    .filter(({ reason }) => reasons.includes(reason))
    .filter((event) => event.lastSeen >= since)
    .toSorted(byNewest)[0];
}

function byNewest(a: ObservedEvent, b: ObservedEvent): number {
  const difference = b.lastSeen.getTime() - a.lastSeen.getTime();
  if (difference !== 0) return difference;
  return `${a.reason} ${a.message}` < `${b.reason} ${b.message}` ? -1 : 1;
}
