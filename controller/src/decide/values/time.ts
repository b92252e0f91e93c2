/** Seconds precision with `Z`, as Kubernetes writes times in conditions. */
export function kubernetesTime(instant: Date): string {
  return instant.toISOString().replace(/\.\d+Z$/, "Z");
}

/** Seconds precision with `+00:00`, as 0.24 wrote times: older clients do not parse a `Z`. */
export function clientTime(instant: Date): string {
  return instant.toISOString().replace(/\.\d+Z$/, "+00:00");
}

type Aged = { readonly creationTimestamp: string; readonly uid: string };

/** Age as a text that sorts like it, the oldest first; timestamps of the API server have one format and one zone. */
export function ageOf({ creationTimestamp, uid }: Aged): string {
  return `${creationTimestamp} ${uid}`;
}

/** Orders metadata by age, the older one first. */
export function byAge(left: Aged, right: Aged): number {
  const [a, b] = [ageOf(left), ageOf(right)];
  return a < b ? -1 : Number(a !== b);
}

/** The time this many seconds later. */
export function plus(time: Date, seconds: number): Date {
  return new Date(time.getTime() + seconds * 1000);
}

/** Seconds from one time to another. */
export function secondsBetween(from: Date, to: Date): number {
  return (to.getTime() - from.getTime()) / 1000;
}

/** The earliest of some delays; undefined stands for never. */
export function earliest(...delays: readonly (number | undefined)[]): number | undefined {
  const known = delays.filter((delay) => delay !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
