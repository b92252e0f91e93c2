import { stageNodeService } from "../src/node-service.ts";
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
  stage: (place) => {
    const bundle = (outfile: string): Promise<void> => bundleController(place.repository, outfile);
    return stageNodeService({ file: "main.cjs", bundle, flags: NODE_FLAGS, environment: ENVIRONMENT }, place);
  },
};
