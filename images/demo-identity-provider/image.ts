import { join } from "node:path";
import { build, type Metafile } from "esbuild";
import { stageNodeService } from "../src/node-service.ts";
import { releaseReference } from "../src/release.ts";
import type { ImageDefinition } from "../src/definition.ts";

/** An OpenID Connect provider with demo users, for the sample server and the end-to-end tests; no part of a release. */
export const demoIdentityProvider: ImageDefinition = {
  name: "demo-identity-provider",
  references: [releaseReference("demo-identity-provider")],
  diskMegabytes: 800,
  inputs: async ({ repository }) => [{ kind: "Files", path: join(repository, "package-lock.json") }],
  stage: (place) => stageNodeService({ file: "main.mjs", bundle: bundleProvider }, place),
};

async function bundleProvider(_repository: string, outfile: string): Promise<Metafile> {
  const { metafile } = await build({
    entryPoints: [join(import.meta.dirname, "main.ts")],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node24",
    // Packages in the older module format find Node's own modules by it.
    banner: { js: `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);` },
    metafile: true,
    logLevel: "silent", // it throws what went wrong
  });
  return metafile;
}
