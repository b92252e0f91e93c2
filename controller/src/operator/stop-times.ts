/*
 * When the parts of the process have ended at the latest, in milliseconds after SIGTERM. One after the other:
 *
 *   10 s  reconciles: what has not ended is aborted, and done again by the next leader
 *   16 s  the leader's work, with its last Events (5 s) and, beside them, the end of its file of the audit log (4 s)
 *   22 s  the lease is given back: a renewal that is under way, and the release (see `LeaderElection.run`)
 *   27 s  the audit log: lines that still wait, and the upload of its files (see `AuditLog.close`)
 *
 * The rest takes no time. `terminationGracePeriodSeconds` of the chart's Deployment is 30, the default of pods: what a node
 * that is shut down gives them is seldom more.
 */

export const RECONCILES_STOP_MS = 10_000;

/** From here on the lease is not held back for remaining work: writes of a process without it are refused. */
export const TERM_STOP_MS = 16_000;

/** The process exits even if something has not ended: before the kubelet kills it. */
export const FORCED_EXIT_MS = 29_000;
