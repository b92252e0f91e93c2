import { NONROOT, SERVICE_ENVIRONMENT, staticBinaryLayer } from "../src/service-layers.ts";
import type { ImageDefinition } from "../src/definition.ts";

/** The login in every pod that has one; named as its publisher does, and as legacy (0.24) objects do. */
export const oauth2Proxy: ImageDefinition = {
  name: "oauth2-proxy",
  references: ["quay.io/oauth2-proxy/oauth2-proxy:v7.15.6", "harbor.renkulab.io/bitnami-mirror/oauth2-proxy:7.6.0"],
  diskMegabytes: 500,
  inputs: async (place) => [{ kind: "Files", path: await place.compiledBinary("oauth2-proxy") }],
  stage: async (place) => ({
    layers: [await staticBinaryLayer("oauth2-proxy", place)],
    config: { User: `${NONROOT}:${NONROOT}`, Env: SERVICE_ENVIRONMENT, Entrypoint: ["oauth2-proxy"] },
  }),
};
