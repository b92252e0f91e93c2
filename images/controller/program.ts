import { join } from "node:path";
import { build, type Metafile } from "esbuild";
import type { NodeService } from "../src/node-service.ts";

/**
 * How the controller's image starts node: most of an operator's memory is compiled code and garbage, and it computes
 * little. Measured by `npm run bench -- 200-servers`: together with the bundle and `ENVIRONMENT` almost half of the memory.
 */
export const NODE_FLAGS: readonly string[] = [
  "--optimize-for-size",
  "--single-threaded",
  "--v8-pool-size=0",
  "--no-sparkplug", // machine code of functions that run a few times: 4 MiB, for no processor time that could be measured
];

/**
 * Percentage of the container's memory limit that JavaScript's heap may take. By default it is half: a controller with many
 * objects would end with "heap out of memory" while much of its limit is free. What remains is for the program and buffers.
 */
export const HEAP_PERCENTAGE = 70;

/**
 * One arena of malloc: by default each thread keeps what it has freed for itself. And a fixed threshold above which memory is
 * given back when it is freed: the default rises with the largest answer that was read, and 8 MiB stay in pieces.
 */
export const ENVIRONMENT: readonly string[] = ["MALLOC_ARENA_MAX=1", "MALLOC_MMAP_THRESHOLD_=32768"];

/**
 * Writes the controller as one JavaScript file, because compiling TypeScript at the start costs memory for good, and a
 * source map beside it: `NODE_OPTIONS=--enable-source-maps` gives stack traces the lines of the sources.
 */
export async function bundleController(repository: string, outfile: string): Promise<Metafile> {
  const { metafile } = await build({
    entryPoints: [join(repository, "controller/src/main.ts")],
    outfile,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node24",
    minifyWhitespace: true, // node keeps the text of what it runs
    legalComments: "none",
    sourcemap: true,
    sourcesContent: false,
    metafile: true,
    logLevel: "silent", // it throws what went wrong
  });
  return metafile;
}

/** The controller as its images run it. */
export const controllerService: NodeService = {
  file: "main.cjs",
  bundle: bundleController,
  flags: [...NODE_FLAGS, `--max-old-space-size-percentage=${HEAP_PERCENTAGE}`],
  environment: ENVIRONMENT,
};
