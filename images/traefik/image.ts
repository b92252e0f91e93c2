import { traefikVersion } from "@amalthea/cluster";
import { SERVICE_ENVIRONMENT, staticBinaryLayer } from "../src/service-layers.ts";
import type { ImageDefinition } from "../src/definition.ts";

/** The proxy in every pod with a login; named as its publisher does, and as legacy (0.24) objects do. */
export const traefik: ImageDefinition = {
  name: "traefik",
  references: [`traefik:v${traefikVersion}`, "traefik:v2.5"],
  diskMegabytes: 800,
  inputs: async (place) => [{ kind: "Files", path: await place.compiledBinary("traefik") }],
  stage: async (place) => ({
    layers: [await staticBinaryLayer("traefik", place)],
    config: { Env: SERVICE_ENVIRONMENT, Entrypoint: ["traefik"] },
  }),
};
