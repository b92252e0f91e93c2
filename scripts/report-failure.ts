/** Failures whose message was written for the person at the terminal; a stack would only hide it. */
const forPeople: readonly string[] = ["ClusterError", "CommandError", "BuildError"];

/** Prints why a command failed and has the process end with exit code 1. */
export function reportFailure(error: unknown): void {
  const isForPeople = error instanceof Error && forPeople.includes(error.name);
  console.error("");
  console.error(isForPeople ? error.message : error);
  process.exitCode = 1;
}
