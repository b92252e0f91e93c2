/**
 * Whether a text matches one of the patterns: `*` stands for any characters but `/`, `**` for any characters, and the
 * pattern `*` alone matches everything.
 */
export function matchesAny(text: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => pattern === "*" || pattern === text || matches(text, pattern));
}

/** Longer than any name, host or image: a longer one may be an attempt to make the search expensive. */
const MAX_TEXT_LENGTH = 2_048;

/**
 * In steps of length of text times length of pattern: a regular expression with several wildcards takes powers of them.
 */
function matches(text: string, pattern: string): boolean {
  if (text.length > MAX_TEXT_LENGTH) return false;
  const tokens = pattern.split(/(\*\*?)/).flatMap((part) => (part.startsWith("*") ? [part] : Array.from(part)));
  const isWild = (at: number): boolean => tokens[at] === "*" || tokens[at] === "**";
  /** For each place in the pattern, whether the text so far may have led there; a wildcard may stand for nothing. */
  const spread = (reached: boolean[]): boolean[] => {
    for (let at = 0; at < tokens.length; at++) reached[at + 1] ||= reached[at] === true && isWild(at);
    return reached;
  };
  let reached = spread([true]);
  for (const character of text) {
    const next: boolean[] = [];
    for (let at = 0; at < tokens.length; at++) {
      if (reached[at] !== true) continue;
      if (tokens[at] === "**" || (tokens[at] === "*" && character !== "/")) next[at] = true;
      else if (tokens[at] === character) next[at + 1] = true;
    }
    reached = spread(next);
  }
  return reached[tokens.length] === true;
}
