// How oauth2-proxy reads its arguments: of a flag that has one value the last one counts, and patches append.

/** The value of a flag. @param prefix `--flag=`. @returns Undefined if no argument has it. */
export function lastValue(args: readonly string[], prefix: string): string | undefined {
  return args.findLast((arg) => arg.startsWith(prefix))?.slice(prefix.length);
}

/**
 * Whether a boolean flag is set: `--flag`, or `--flag=` with what Go reads as true. With any other value oauth2-proxy does
 * not start.
 *
 * @see https://pkg.go.dev/strconv#ParseBool
 */
export function isFlagSet(args: readonly string[], flag: string): boolean {
  const last = args.findLast((arg) => arg === flag || arg.startsWith(`${flag}=`));
  return last === flag || /^(1|t|T|TRUE|true|True)$/.test(last?.slice(flag.length + 1) ?? "");
}
