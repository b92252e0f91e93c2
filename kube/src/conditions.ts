/** A condition of an object's status, as Kubernetes defines it. */
export type Condition<Type extends string = string> = {
  readonly type: Type;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
  /** RFC 3339, in seconds. */
  readonly lastTransitionTime: string;
  readonly observedGeneration?: number;
};

/**
 * The conditions with `next` in the place of the one of its type, or at the end. `lastTransitionTime` becomes `now`
 * only if the status differs from before; reason and message may change without it.
 */
export function setCondition<C extends Condition>(
  conditions: readonly C[],
  next: Omit<C, "lastTransitionTime">,
  now: Date,
): readonly C[] {
  const previous = conditions.find((condition) => condition.type === next.type);
  const lastTransitionTime =
    previous?.status === next.status ? previous.lastTransitionTime : now.toISOString().replace(/\.\d+Z$/, "Z");
  const condition = { ...next, lastTransitionTime } as unknown as C; // Omit of a type parameter is not undone by a spread
  return previous === undefined
    ? [...conditions, condition]
    : conditions.map((existing) => (existing === previous ? condition : existing));
}
