import { buildImage } from "./build-image.ts";
import { catalogue } from "./catalogue.ts";
import { BuildError } from "./progress.ts";

const USAGE = `usage: images build NAME...|all   build images; prints the name and the archive of each
       images list              print their names`;

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
  const started = performance.now();
  const progress = (line: string): void => {
    const seconds = Math.round((performance.now() - started) / 1000);
    console.error(`${String(seconds).padStart(4)} s  ${line}`);
  };
  for (const name of names.includes("all") ? catalogue.map((image) => image.name) : names) {
    const { reference, digest, archive } = await buildImage(name, { progress, signal });
    console.log([reference, digest, archive].join("\t"));
  }
  return 0;
}

const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => stop.abort(new BuildError("stopped")));
try {
  process.exitCode = await main(process.argv.slice(2), stop.signal);
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
