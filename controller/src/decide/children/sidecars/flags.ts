// How oauth2-proxy reads its arguments: of a flag that has one value the last one counts, and patches append.

/** The value of a flag. @param prefix `--flag=`. @returns Undefined if no argument has it. */
export function lastValue(args: readonly string[], prefix: string): string | undefined {
  return args.findLast((arg) => arg.startsWith(prefix))?.slice(prefix.length);
}

/** The values of a flag that may have several, also in one argument. @param prefix `--flag=`. */
export function valuesOf(args: readonly string[], prefix: string): readonly string[] {
  return args.filter((arg) => arg.startsWith(prefix)).flatMap((arg) => arg.slice(prefix.length).split(","));
}

/** Whether an argument gives a flag. */
export function isFlag(arg: string, flag: string): boolean {
  return arg === flag || arg.startsWith(`${flag}=`);
}

/**
 * Whether a boolean flag is set: `--flag`, or `--flag=` with what Go reads as true. With any other value oauth2-proxy does
 * not start.
 *
 * @see https://pkg.go.dev/strconv#ParseBool
 */
export function isFlagSet(args: readonly string[], flag: string): boolean {
  const last = args.findLast((arg) => isFlag(arg, flag));
  return last === flag || /^(1|t|T|TRUE|true|True)$/.test(last?.slice(flag.length + 1) ?? "");
}
