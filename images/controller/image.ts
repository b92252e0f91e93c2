import { stageNodeService } from "../src/node-service.ts";
import { nodeSourcesInputs } from "../src/node-sources.ts";
import { releaseReference } from "../src/release.ts";
import { controllerService } from "./program.ts";
import type { ImageDefinition } from "../src/definition.ts";

/** The operator: node and one file. */
export const controller: ImageDefinition = {
  name: "controller",
  references: [releaseReference("controller")],
  diskMegabytes: 800,
  inputs: async (place) => nodeSourcesInputs(["api", "kube", "controller"], place),
  stage: (place) => stageNodeService(controllerService, place),
};
