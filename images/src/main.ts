import { ClusterError } from "@amalthea/cluster";
import { buildImage } from "./build-image.ts";
import { catalogue } from "./catalogue.ts";

const USAGE = `Usage: npm run images COMMAND

  build NAME…|all   build images; prints the name, the digest and the archive of each
  list            print their names`;

async function main(args: readonly string[], signal: AbortSignal): Promise<number> {
  const [command, ...names] = args;
  if (command === "list" && names.length === 0) {
    for (const { name, references } of catalogue) console.log([name, ...references].join("\t"));
    return 0;
  }
  if (command !== "build" || names.length === 0) {
    console.error(USAGE);
    return 2;
  }
  const progress = (line: string): void => console.error(line);
  for (const name of names.includes("all") ? catalogue.map((image) => image.name) : names) {
    const { reference, digest, archive } = await buildImage(name, { progress, signal });
    console.log([reference, digest, archive].join("\t"));
  }
  return 0;
}

const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const)
  process.once(name, () => stop.abort(new ClusterError("Interrupted.")));
try {
  process.exitCode = await main(process.argv.slice(2), stop.signal);
} catch (error) {
  if (!(error instanceof ClusterError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
