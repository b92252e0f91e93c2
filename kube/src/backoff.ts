/** Delay that doubles with each consecutive failure: `baseMs` for the first (`failures` = 1), at most `capMs`. */
export function exponentialMs(baseMs: number, capMs: number, failures: number): number {
  return Math.min(capMs, baseMs * 2 ** Math.min(failures - 1, 30)); // beyond 2^30 nothing changes but the float
}

/** `value` times a random factor from `low` to `high`. `random` gives numbers from 0 to 1. */
export function jitter(value: number, low: number, high: number, random: () => number): number {
  return value * (low + (high - low) * random());
}
