import { DEFAULT_IMAGES, isOlderVersion, VERSION_FLOORS, type SchemaNode } from "@amalthea/api";
import type { SidecarImages, SidecarOverrides } from "../decide/settings.ts";
import type { EnvironmentReader } from "./environment.ts";
import { schemaProblems } from "./schema-problems.ts";

const FLOORS = {
  TRAEFIK_IMAGE: VERSION_FLOORS.traefik.version,
  OAUTH2_PROXY_IMAGE: VERSION_FLOORS["oauth2-proxy"].version,
} as const;

/** Reads the images of the containers in front of Jupyter; an image whose tag says that it is too old is a problem. */
export function readSidecarImages(reader: EnvironmentReader): SidecarImages {
  const images = {
    traefik: reader.text("TRAEFIK_IMAGE") ?? DEFAULT_IMAGES.traefik,
    oauth2Proxy: reader.text("OAUTH2_PROXY_IMAGE") ?? DEFAULT_IMAGES.oauth2Proxy,
    authorization: reader.text("AUTHORIZATION_IMAGE") ?? DEFAULT_IMAGES.authorization,
  };
  checkFloor("TRAEFIK_IMAGE", images.traefik, reader);
  checkFloor("OAUTH2_PROXY_IMAGE", images.oauth2Proxy, reader);
  return images;
}

/** Reads what an administrator changes about these containers, from `SIDECARS`. */
export function readSidecarOverrides(reader: EnvironmentReader): SidecarOverrides {
  const given = reader.object("SIDECARS");
  reader.problems.push(...schemaProblems(SCHEMA, given, "SIDECARS"));
  return given;
}

/** A tag that is not a version, or a digest alone, says nothing about the age. */
function checkFloor(variable: keyof typeof FLOORS, image: string, reader: EnvironmentReader): void {
  const version = /^[^@]*:v?(\d+(?:\.\d+){0,2})[^/@]*(?:@.*)?$/.exec(image)?.[1];
  if (version === undefined) return;
  const floor = FLOORS[variable];
  if (isOlderVersion(version, floor))
    reader.problems.push(`${variable} must be version ${floor} or newer, not "${image}"`);
}

const resources = { type: "object", "x-kubernetes-preserve-unknown-fields": true } as const;
const text = { type: "string", minLength: 1 } as const;
const id = { type: "integer", minimum: 1, maximum: 2_147_483_647 } as const;
const proxy = {
  type: "object",
  properties: { resources, extraArgs: { type: "array", items: { type: "string" } } },
} as const;
const address = { ...text, pattern: "^https?://[^/]" } as const;

/** The chart's value `sidecars`, which also works without the chart. */
const SCHEMA: SchemaNode = {
  type: "object",
  properties: {
    traefik: proxy,
    oauth2Proxy: proxy,
    authorization: { type: "object", properties: { resources } },
    securityContext: { type: "object", properties: { runAsUser: id, runAsGroup: { ...id, minimum: 0 } } },
    proxy: { type: "object", properties: { httpProxy: address, httpsProxy: address, noProxy: text } },
  },
};
