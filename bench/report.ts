/** One line of the result: what was measured, what we promise, and whether it held. */
export type Measurement = {
  readonly what: string;
  readonly measured: number;
  /** Absent for a count. */
  readonly unit?: string;
  /** Largest value that we promise; absent where the figure is told and not promised. */
  readonly atMost?: number;
  /** How the figure came about, such as the single calls. */
  readonly detail?: string;
};

/** The line of a measurement, with what we promise; `!` marks a promise that did not hold. */
export function describeMeasurement(measurement: Measurement): string {
  const { what, measured, unit, atMost, detail } = measurement;
  const value = `${format(measured)}${unit === undefined ? "" : ` ${unit}`}`;
  const promise = atMost === undefined ? "" : ` (promised: at most ${format(atMost)})`;
  const line = `  ${holds(measurement) ? " " : "!"} ${what}: ${value}${promise}`;
  return detail === undefined || detail === "" ? line : `${line}\n      ${detail}`;
}

/** Whether what was measured keeps the promise; a figure without one always does. */
export function holds({ measured, atMost }: Measurement): boolean {
  return atMost === undefined || measured <= atMost;
}

function format(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(2);
}

/** The middle of some figures: the mean of the two in the middle where their number is even. NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = (sorted.length - 1) / 2;
  const lower = sorted[Math.floor(middle)] ?? Number.NaN;
  const upper = sorted[Math.ceil(middle)] ?? Number.NaN;
  return (lower + upper) / 2;
}
