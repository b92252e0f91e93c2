/** Receives one line of text for each progress message. */
export type Progress = (line: string) => void;

/** A progress that discards everything. */
export const silent: Progress = () => undefined;

/** How often a step that takes long says again what it waits for, in milliseconds. */
const reminderInterval = 15_000;

/** Sets what a step reports while it waits: completes the sentence "… waiting for". */
export type WaitingFor = (what: string) => void;

/**
 * Counts what is done of what has to be done, for {@link WaitingFor}: "the Go compiler (12 of 3545 packages compiled)".
 *
 * @param total undefined if unknown: then nothing is reported
 * @returns to be called for each thing that is done
 */
export function countTo(total: number | undefined, what: string, tell: WaitingFor, done: string): () => void {
  let count = 0;
  const say = (): void => tell(total === undefined ? what : `${what} (${count} of ${total} ${done})`);
  say();
  return () => {
    count += 1;
    say();
  };
}

const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`;

/**
 * Runs one step and says when it is done and how long it took; a step of more than 15 seconds says every 15 seconds
 * what it waits for.
 *
 * @param title what the step brings about, such as "kube-apiserver is ready"
 */
export async function step<T>(
  progress: Progress,
  title: string,
  action: (waitingFor: WaitingFor) => Promise<T>,
): Promise<T> {
  const start = performance.now();
  let waitedFor = "it to finish";
  const reminder = setInterval(() => {
    progress(`  … ${title}: ${seconds(start)}, waiting for ${waitedFor}`);
  }, reminderInterval);
  try {
    const result = await action((what) => {
      waitedFor = what;
    });
    progress(`  ✓ ${title} (${seconds(start)})`);
    return result;
  } catch (error) {
    progress(`  ✗ ${title}: failed after ${seconds(start)}`);
    throw error;
  } finally {
    clearInterval(reminder);
  }
}
