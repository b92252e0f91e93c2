import { join } from "node:path";
import { build } from "esbuild";
import type { NodeService } from "../src/node-service.ts";

/** The authorization service as one JavaScript file. Flags measured after load: half the memory at the same CPU per request. */
export const authorizationService: NodeService = {
  file: "main.cjs",
  bundle: async (repository, outfile) => {
    const { metafile } = await build({
      entryPoints: [join(repository, "authorization/src/main.ts")],
      outfile,
      bundle: true,
      platform: "node",
      format: "cjs",
      target: "node24",
      metafile: true,
      logLevel: "silent", // it throws what went wrong
    });
    return metafile;
  },
  flags: [
    "--max-semi-space-size=1",
    "--max-old-space-size=32",
    "--v8-pool-size=0",
    "--single-threaded",
    "--optimize-for-size",
  ],
};
