import { join } from "node:path";
import { build } from "esbuild";
import { NONROOT, nodeRuntimeLayer, SERVICE_ENVIRONMENT } from "../src/service-layers.ts";
import { nodeSourcesInputs } from "../src/node-sources.ts";
import { releaseReference } from "../src/release.ts";
import type { BuildPlace, ImageDefinition } from "../src/definition.ts";
import type { Layer } from "../src/layer.ts";

/** Measured after load: half of the memory, at the same CPU per request. */
const SMALL: readonly string[] = [
  "--max-semi-space-size=1",
  "--max-old-space-size=32",
  "--v8-pool-size=0",
  "--single-threaded",
  "--optimize-for-size",
];

/** The authorization service: node and one file, because it runs once per user server and compiling costs memory. */
export const authorization: ImageDefinition = {
  name: "authorization",
  references: [releaseReference("authorization")],
  diskMegabytes: 800,
  inputs: async (place) => nodeSourcesInputs(["api", "authorization"], place),
  stage: async (place) => ({
    layers: [await nodeRuntimeLayer(place), await bundleLayer(place)],
    config: {
      User: `${NONROOT}:${NONROOT}`,
      WorkingDir: "/app",
      Env: [...SERVICE_ENVIRONMENT, "NODE_ENV=production"],
      Entrypoint: ["node", ...SMALL, "main.cjs"],
    },
  }),
};

async function bundleLayer({ repository, scratch, progress }: BuildPlace): Promise<Layer> {
  progress("bundling the authorization service");
  const root = join(scratch, "bundle");
  await build({
    entryPoints: [join(repository, "authorization/src/main.ts")],
    outfile: join(root, "app/main.cjs"),
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node24",
    logLevel: "silent", // it throws what went wrong
  });
  return { root, ownersAndModes: "Root" };
}
