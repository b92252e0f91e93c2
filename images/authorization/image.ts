import { join } from "node:path";
import { build } from "esbuild";
import { stageNodeService } from "../src/node-service.ts";
import { nodeSourcesInputs } from "../src/node-sources.ts";
import { releaseReference } from "../src/release.ts";
import type { ImageDefinition } from "../src/definition.ts";

/** Measured after load: half of the memory, at the same CPU per request. */
const SMALL: readonly string[] = [
  "--max-semi-space-size=1",
  "--max-old-space-size=32",
  "--v8-pool-size=0",
  "--single-threaded",
  "--optimize-for-size",
];

/** The authorization service: node and one file, because it runs once per user server. */
export const authorization: ImageDefinition = {
  name: "authorization",
  references: [releaseReference("authorization")],
  diskMegabytes: 800,
  inputs: async (place) => nodeSourcesInputs(["api", "authorization"], place),
  stage: (place) => {
    const bundle = (outfile: string): Promise<void> => bundleAuthorization(place.repository, outfile);
    return stageNodeService({ file: "main.cjs", bundle, flags: SMALL }, place);
  },
};

async function bundleAuthorization(repository: string, outfile: string): Promise<void> {
  await build({
    entryPoints: [join(repository, "authorization/src/main.ts")],
    outfile,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node24",
    logLevel: "silent", // it throws what went wrong
  });
}
