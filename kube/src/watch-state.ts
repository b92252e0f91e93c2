import { exponentialMs, jitter } from "./backoff.ts";

/** What a reflector does next. */
type WatchPhase =
  /** All existing objects, then every change, in one stream (WatchList). */
  | { readonly kind: "Streaming" }
  /** All existing objects, page by page. */
  | { readonly kind: "Listing" }
  /** Every change after this resourceVersion. */
  | { readonly kind: "Watching"; readonly resourceVersion: string }
  /** After a failure: whether the server has reached this resourceVersion, or was restored from a backup. */
  | { readonly kind: "Checking"; readonly resourceVersion: string }
  | { readonly kind: "Stopped" };

export type WatchState = {
  readonly phase: WatchPhase;
  /** The server does not support streaming lists: list, now and later. */
  readonly streamRefused: boolean;
  /** In a row. */
  readonly failures: number;
  /** Back off before the phase begins. */
  readonly pause: boolean;
};

/** What happened. */
export type WatchSignal =
  /** All that exists has been seen. */
  | { readonly kind: "Synced"; readonly resourceVersion: string }
  /** A change or a bookmark has been handled. */
  | { readonly kind: "Progress"; readonly resourceVersion: string }
  /** The server ended the watch regularly. */
  | { readonly kind: "Ended"; readonly afterMs: number; readonly events: number }
  /** The server has reached our resourceVersion. */
  | { readonly kind: "Checked" }
  /** Nothing was received for too long. */
  | { readonly kind: "Stalled" }
  /**
   * The server has forgotten our resourceVersion, or has not reached it: it was restored from a backup, and a watch
   * from there would be silent until it does.
   */
  | { readonly kind: "Gone" }
  /** The server does not support streaming lists. */
  | { readonly kind: "StreamRefused" }
  | { readonly kind: "Failed"; readonly sinceLastFailureMs: number }
  | { readonly kind: "Stop" };

/** A watch that ends sooner without any event is an error, or client and server would loop without pause. */
const SHORT_WATCH_MS = 1_000;

/**
 * The same numbers as client-go's reflector and kube-rs' watcher.
 * @see https://github.com/kubernetes/client-go/blob/master/tools/cache/reflector.go 800 ms, 30 s, factor 2, jitter 1,
 * reset 2 min
 */
const BACKOFF_BASE_MS = 800;
const BACKOFF_CAP_MS = 30_000;
const BACKOFF_RESET_MS = 120_000;

export const initialWatchState: WatchState = {
  phase: { kind: "Streaming" },
  streamRefused: false,
  failures: 0,
  pause: false,
};

/**
 * Where a reflector goes after `signal`. The only way to lose our place is Gone: whatever happens to the connection,
 * only the changes since then are requested, not everything again.
 */
export function nextWatchState(state: WatchState, signal: WatchSignal): WatchState {
  const { phase } = state;
  if (phase.kind === "Stopped") return state;
  switch (signal.kind) {
    case "Stop":
      return { ...state, phase: { kind: "Stopped" }, pause: false };
    case "Synced":
      return { ...state, phase: { kind: "Watching", resourceVersion: signal.resourceVersion }, pause: false };
    case "Progress":
      if (phase.kind !== "Watching") return state;
      return { ...state, phase: { kind: "Watching", resourceVersion: signal.resourceVersion }, pause: false };
    case "Ended":
      return ended(state, signal.events === 0 && signal.afterMs < SHORT_WATCH_MS);
    case "Checked":
      return { ...state, phase: resumed(phase), pause: false };
    case "Stalled":
      // A stream without an end of the initial events may come from a server that does not know that end: a list will
      // show it.
      return { ...state, phase: phase.kind === "Streaming" ? { kind: "Listing" } : checking(phase), pause: false };
    case "Gone":
      return {
        ...failed(state),
        phase: { kind: state.streamRefused ? "Listing" : "Streaming" },
        pause: state.failures > 0,
      };
    case "StreamRefused":
      return { ...state, streamRefused: true, phase: { kind: "Listing" }, pause: false };
    case "Failed":
      return failed({ ...afterRest(state, signal.sinceLastFailureMs), phase: checking(phase) });
  }
}

/** How long a pause is. `retryAfterMs` is what the server asked for, if it did. */
export function watchPauseMs(failures: number, retryAfterMs: number | undefined, random: () => number): number {
  const backoffMs = jitter(exponentialMs(BACKOFF_BASE_MS, BACKOFF_CAP_MS, Math.max(1, failures)), 1, 2, random);
  return Math.max(backoffMs, retryAfterMs ?? 0);
}

function ended(state: WatchState, tooShort: boolean): WatchState {
  if (tooShort) return failed(state);
  if (state.phase.kind === "Watching") return { ...state, failures: 0, pause: false };
  return failed({ ...state, phase: { kind: "Listing" } }); // a stream that never completed its initial events
}

function failed(state: WatchState): WatchState {
  return { ...state, failures: state.failures + 1, pause: true };
}

/** A failure long after the last one counts as the first. */
function afterRest(state: WatchState, sinceLastFailureMs: number): WatchState {
  return sinceLastFailureMs >= BACKOFF_RESET_MS ? { ...state, failures: 0 } : state;
}

function resumed(phase: WatchPhase): WatchPhase {
  return phase.kind === "Checking" ? { ...phase, kind: "Watching" } : phase;
}

/** The phase after a failure: a resourceVersion is checked before it is used again. */
function checking(phase: WatchPhase): WatchPhase {
  return phase.kind === "Watching" ? { ...phase, kind: "Checking" } : phase;
}
