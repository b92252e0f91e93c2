import { parseArgs, type ParseArgsOptionsConfig } from "node:util";

/** The options by which a user names a cluster of his own, and how things reach it. */
export const clusterOptions: {
  readonly [name in "context" | "kubeconfig" | "registry" | "ingress-url"]: { readonly type: "string" };
} = {
  context: { type: "string" },
  kubeconfig: { type: "string" },
  registry: { type: "string" },
  "ingress-url": { type: "string" },
};

type ParsedArgs<T extends ParseArgsOptionsConfig> = ReturnType<
  typeof parseArgs<{ readonly options: T; readonly allowPositionals: true }>
>;

/** Reads the command line; what it does not know ends the process with a sentence and exit code 2. */
export function parseCommandLine<T extends ParseArgsOptionsConfig>(
  options: T,
  words: readonly string[] = [],
): ParsedArgs<T> {
  try {
    const parsed = parseArgs({ options, allowPositionals: true });
    const unknown = parsed.positionals.filter((word) => !words.includes(word));
    if (unknown.length === 0) return parsed;
    const known = words.length === 0 ? "there are only options" : `choose among ${words.join(", ")}`;
    console.error(`Unknown: "${unknown.join(" ")}"; ${known}.`);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
  }
  console.error(
    `Options: ${Object.keys(options)
      .map((name) => `--${name}`)
      .join(" ")}`,
  );
  process.exit(2);
}
