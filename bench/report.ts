/** One line of the result: what was measured, its limit, and whether it was kept. */
export type Measurement = {
  readonly what: string;
  readonly measured: number;
  /** Absent for a count. */
  readonly unit?: string;
  /** Upper limit; absent where the figure is reported only. */
  readonly atMost?: number;
  /** How the figure came about, such as the single calls. */
  readonly detail?: string;
};

/** The line of a measurement, with its limit; `!` marks one that was exceeded. */
export function describeMeasurement(measurement: Measurement): string {
  const { what, measured, unit, atMost, detail } = measurement;
  const value = `${format(measured)}${unit === undefined ? "" : ` ${unit}`}`;
  const limit = atMost === undefined ? "" : ` (limit ${format(atMost)})`;
  const line = `  ${holds(measurement) ? " " : "!"} ${what}: ${value}${limit}`;
  return detail === undefined || detail === "" ? line : `${line}\n      ${detail}`;
}

/** Whether a measurement keeps its limit; a figure without one always does. */
export function holds({ measured, atMost }: Measurement): boolean {
  return atMost === undefined || measured <= atMost;
}

function format(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(2);
}

/** The middle of some figures: the mean of the two in the middle where their number is even. NaN for none. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/**
 * The figure that a share of all do not exceed, between two of them in proportion. NaN for none.
 *
 * @param share from 0, the smallest, to 1, the largest
 */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  const at = (sorted.length - 1) * share;
  const lower = sorted[Math.floor(at)] ?? Number.NaN;
  const upper = sorted[Math.ceil(at)] ?? Number.NaN;
  return lower + (upper - lower) * (at - Math.floor(at));
}
