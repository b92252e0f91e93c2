import { stageNodeService } from "../src/node-service.ts";
import { nodeSourcesInputs } from "../src/node-sources.ts";
import { releaseReference } from "../src/release.ts";
import { authorizationService } from "./program.ts";
import type { ImageDefinition } from "../src/definition.ts";

/** The authorization service: node and one file, because it runs once per user server. */
export const authorization: ImageDefinition = {
  name: "authorization",
  references: [releaseReference("authorization")],
  diskMegabytes: 800,
  inputs: async (place) => nodeSourcesInputs(["api", "authorization"], place),
  stage: (place) => stageNodeService(authorizationService, place),
};
