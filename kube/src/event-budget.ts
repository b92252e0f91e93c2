/**
 * Events about one object: 25 at once, then one every 5 minutes.
 * @see https://github.com/kubernetes/client-go/blob/master/tools/record/events_cache.go defaultSpamBurst, defaultSpamQPS
 */
const SPAM_BURST = 25;
const SPAM_REFILL_MS = 300_000;

export type TokenBucket = { readonly tokens: number; readonly filledMs: number };

/** Takes a token out of a bucket (a full one if undefined). @returns The bucket after it; undefined if it was empty. */
export function takeToken(bucket: TokenBucket | undefined, nowMs: number): TokenBucket | undefined {
  const { tokens, filledMs } = bucket ?? { tokens: SPAM_BURST, filledMs: nowMs };
  const now = Math.min(SPAM_BURST, tokens + (nowMs - filledMs) / SPAM_REFILL_MS);
  return now < 1 ? undefined : { tokens: now - 1, filledMs: nowMs };
}

/** True if the bucket is full again. */
export function isFull(bucket: TokenBucket, nowMs: number): boolean {
  return bucket.tokens + (nowMs - bucket.filledMs) / SPAM_REFILL_MS >= SPAM_BURST;
}
