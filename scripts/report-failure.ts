import { ClusterError } from "@amalthea/cluster";

/** Prints why a command failed and has the process end with exit code 1. */
export function reportFailure(error: unknown): void {
  console.error("");
  // The message of a ClusterError was written for the person at the terminal; a stack would only hide it.
  console.error(error instanceof ClusterError ? error.message : error);
  process.exitCode = 1;
}
