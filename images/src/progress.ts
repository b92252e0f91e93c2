/** Receives one line a person reads: what is being done, or how long something is being waited for. */
export type Progress = (line: string) => void;

/** Something that could not be built; the message names the command, its log file and the remedy. */
export class BuildError extends Error {
  override readonly name = "BuildError";
}
