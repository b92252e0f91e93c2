import { NONROOT, nodeRuntimeLayer, SERVICE_ENVIRONMENT } from "../src/service-layers.ts";
import { nodeSourcesInputs, nodeSourcesLayer } from "../src/node-sources.ts";
import { releaseReference } from "../src/release.ts";
import type { ImageDefinition } from "../src/definition.ts";

const WORKSPACES = ["api", "kube", "controller"];

/** The operator: node and the sources of the controller. */
export const controller: ImageDefinition = {
  name: "controller",
  references: [releaseReference("controller")],
  diskMegabytes: 800,
  inputs: async (place) => nodeSourcesInputs(WORKSPACES, place),
  stage: async (place) => ({
    layers: [await nodeRuntimeLayer(place), await nodeSourcesLayer(WORKSPACES, place)],
    config: {
      User: `${NONROOT}:${NONROOT}`,
      WorkingDir: "/app",
      Env: [...SERVICE_ENVIRONMENT, "NODE_ENV=production"],
      // Small young generation: the caches of an operator live long, and its passes leave little garbage.
      Entrypoint: ["node", "--max-semi-space-size=8", "controller/src/main.ts"],
    },
  }),
};
