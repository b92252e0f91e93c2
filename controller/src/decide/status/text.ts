/**
 * Maximum length of a text of Kubernetes in a message of ours: enough for the scheduler's count of nodes, too
 * little for a log.
 */
const MAX_DETAIL_LENGTH = 300;

const MAX_READ_LENGTH = 4 * MAX_DETAIL_LENGTH;

/**
 * A text of Kubernetes as a message of ours quotes it: one line, bounded, without credentials in addresses and without
 * port numbers that differ at each attempt (the status would be written each time).
 *
 * @returns Without a full stop at its end; the sentence around it sets one.
 */
export function detail(text: string): string {
  const line = text
    .slice(0, MAX_READ_LENGTH) // the searches below take quadratic time
    .replace(/\s+/g, " ")
    .replace(/\/\/[^\s/@"]+@/g, "//")
    .replace(/(read|write) (udp|tcp) \S+->\S+: /g, "")
    .trim()
    .replace(/[.:\s]+$/, "");
  return line.length <= MAX_DETAIL_LENGTH ? line : line.slice(0, MAX_DETAIL_LENGTH - 1) + "…";
}

/** As `detail`, as a sentence of its own. */
export function detailSentence(text: string): string {
  return `${detail(text)}.`;
}
