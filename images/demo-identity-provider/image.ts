import { join } from "node:path";
import { build } from "esbuild";
import { releaseReference } from "../src/release.ts";
import { NONROOT, nodeRuntimeLayer, SERVICE_ENVIRONMENT } from "../src/service-layers.ts";
import type { BuildPlace, ImageDefinition } from "../src/definition.ts";
import type { Layer } from "../src/layer.ts";

/** An OpenID Connect provider with demo users, for the sample server and the end-to-end tests; no part of a release. */
export const demoIdentityProvider: ImageDefinition = {
  name: "demo-identity-provider",
  references: [releaseReference("demo-identity-provider")],
  diskMegabytes: 800,
  inputs: async ({ repository }) => [{ kind: "Files", path: join(repository, "package-lock.json") }],
  stage: async (place) => ({
    layers: [await nodeRuntimeLayer(place), await bundleLayer(place)],
    config: {
      User: `${NONROOT}:${NONROOT}`,
      WorkingDir: "/app",
      Env: [...SERVICE_ENVIRONMENT, "NODE_ENV=production"],
      Entrypoint: ["node", "main.mjs"],
      ExposedPorts: { "8080/tcp": {} },
    },
  }),
};

async function bundleLayer({ scratch, progress }: BuildPlace): Promise<Layer> {
  progress("bundling the demo identity provider");
  const root = join(scratch, "bundle");
  await build({
    entryPoints: [join(import.meta.dirname, "main.ts")],
    outfile: join(root, "app/main.mjs"),
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node24",
    // Packages in the older module format find Node's own modules by it.
    banner: { js: `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);` },
    logLevel: "silent", // it throws what went wrong
  });
  return { root, ownersAndModes: "Root" };
}
