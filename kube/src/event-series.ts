/** When an Event that repeats is written: kept free of time and network, so that its rules can be read and tested. */
export type Series = {
  readonly count: number;
  readonly sentCount: number;
  readonly lastSeenMs: number;
  readonly lastSentMs: number;
};

/**
 * A series ends when it was not seen for 6 minutes, and is refreshed at most every 5.
 * @see https://github.com/kubernetes/client-go/blob/master/tools/events/event_broadcaster.go finishTime; client-go refreshes every 30 min
 */
const SERIES_END_MS = 6 * 60_000;
const SERIES_REFRESH_MS = 5 * 60_000;

/** The series after one more occurrence. */
export function seenAgain(series: Series, nowMs: number): Series {
  return { ...series, count: series.count + 1, lastSeenMs: nowMs };
}

/** An occurrence that comes this late begins a new Event. */
export function isOver(series: Series, nowMs: number): boolean {
  return nowMs - series.lastSeenMs >= SERIES_END_MS;
}

/** The second occurrence is written at once, later ones now and then, the last count when the series is over. */
export function mustSend(series: Series, nowMs: number): boolean {
  if (series.count === series.sentCount) return false;
  return series.sentCount === 1 || isOver(series, nowMs) || nowMs - series.lastSentMs >= SERIES_REFRESH_MS;
}

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

/** True if the bucket is as good as none. */
export function isFull(bucket: TokenBucket, nowMs: number): boolean {
  return bucket.tokens + (nowMs - bucket.filledMs) / SPAM_REFILL_MS >= SPAM_BURST;
}
