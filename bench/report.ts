/** One line of the result: what was measured, what we promise, and whether it held. */
export type Measurement = {
  readonly what: string;
  readonly measured: number;
  readonly unit: string;
  /** Largest value that we promise; undefined where the figure is told and not promised. */
  readonly atMost?: number;
  /** How the figure came about, such as the single calls. */
  readonly detail?: string;
};

/** Prints the measurements and returns whether every promise held. */
export function printMeasurements(title: string, measurements: readonly Measurement[]): boolean {
  console.log(`\n${title}`);
  for (const { what, measured, unit, atMost, detail } of measurements) {
    const value = Number.isInteger(measured) ? String(measured) : measured.toFixed(2);
    const promise = atMost === undefined ? "" : ` (at most ${atMost})`;
    console.log(`  ${holds({ measured, atMost }) ? " " : "!"} ${what}: ${value} ${unit}${promise}`);
    if (detail !== undefined) console.log(`      ${detail}`);
  }
  return measurements.every(holds);
}

function holds({ measured, atMost }: { readonly measured: number; readonly atMost?: number | undefined }): boolean {
  return atMost === undefined || measured <= atMost;
}

/** The middle value of an odd or even number of figures. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length / 2;
  const lower = sorted[Math.ceil(middle) - 1] ?? Number.NaN;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  return (lower + upper) / 2;
}
