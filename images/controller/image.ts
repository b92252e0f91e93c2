import { join } from "node:path";
import { NONROOT, nodeRuntimeLayer, SERVICE_ENVIRONMENT } from "../src/service-layers.ts";
import { nodeSourcesInputs } from "../src/node-sources.ts";
import { releaseReference } from "../src/release.ts";
import { bundleController, ENVIRONMENT, NODE_FLAGS } from "./program.ts";
import type { ImageDefinition } from "../src/definition.ts";

/** The operator: node and one file. */
export const controller: ImageDefinition = {
  name: "controller",
  references: [releaseReference("controller")],
  diskMegabytes: 800,
  inputs: async (place) => nodeSourcesInputs(["api", "kube", "controller"], place),
  stage: async (place) => {
    place.progress("bundling the controller");
    const root = join(place.scratch, "bundle");
    await bundleController(place.repository, join(root, "app/main.cjs"));
    return {
      layers: [await nodeRuntimeLayer(place), { root, ownersAndModes: "Root" }],
      config: {
        User: `${NONROOT}:${NONROOT}`,
        WorkingDir: "/app",
        Env: [...SERVICE_ENVIRONMENT, ...ENVIRONMENT],
        Entrypoint: ["node", ...NODE_FLAGS, "main.cjs"],
      },
    };
  },
};
