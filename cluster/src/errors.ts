/**
 * A failure whose message is one sentence for the person at the terminal: what failed, and what to do about it.
 * Anything else that is thrown by this package is a mistake in it.
 */
export class ClusterError extends Error {
  override readonly name = "ClusterError";
}
