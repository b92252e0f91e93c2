import type { ObservedEvent } from "./observed.ts";

/**
 * The newest of the events with one of the reasons. Events have no order that one could rely on, and outlive what they
 * are about: those from before `since` speak of an earlier pod or claim of the same name.
 */
export function newestEvent(
  events: readonly ObservedEvent[],
  reasons: readonly string[],
  regardingKind: string,
  since: Date,
): ObservedEvent | undefined {
  return events
    .filter((event) => event.regardingKind === regardingKind && reasons.includes(event.reason))
    .filter((event) => event.lastSeen >= since)
    .toSorted(byNewest)[0];
}

function byNewest(a: ObservedEvent, b: ObservedEvent): number {
  const difference = b.lastSeen.getTime() - a.lastSeen.getTime();
  if (difference !== 0) return difference;
  return `${a.reason} ${a.message}` < `${b.reason} ${b.message}` ? -1 : 1;
}
