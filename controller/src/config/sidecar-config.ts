import { DEFAULT_IMAGES, isOlderVersion, VERSION_FLOORS } from "@amalthea/api";
import type { SidecarImages, SidecarOverrides } from "../decide/settings.ts";
import { isObject } from "../decide/values/json.ts";
import type { EnvironmentReader } from "./environment.ts";

const FLOORS = {
  TRAEFIK_IMAGE: VERSION_FLOORS.traefik.version,
  OAUTH2_PROXY_IMAGE: VERSION_FLOORS["oauth2-proxy"].version,
} as const;

/** What can be changed about each. */
const CHANGEABLE: Readonly<Record<string, readonly string[]>> = {
  traefik: ["resources", "extraArgs"],
  oauth2Proxy: ["resources", "extraArgs"],
  authorization: ["resources"],
};

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
  return reader.structured(
    "SIDECARS",
    "a JSON object of traefik, oauth2Proxy and authorization, each with resources, the first two also with extraArgs (a list of texts)",
    { parse: JSON.parse, accept: asOverrides },
    {},
  );
}

/** A tag that is no version, or a digest alone, says nothing about the age. */
function checkFloor(variable: keyof typeof FLOORS, image: string, reader: EnvironmentReader): void {
  const version = /:v?(\d+(?:\.\d+){0,2})[^/@]*(?:@.*)?$/.exec(image)?.[1];
  if (version === undefined) return;
  const floor = FLOORS[variable];
  if (isOlderVersion(version, floor))
    reader.problems.push(`${variable} must be version ${floor} or newer, not "${image}"`);
}

function asOverrides(value: unknown): SidecarOverrides | undefined {
  if (!isObject(value)) return undefined;
  const isKnown = ([name, override]: readonly [string, unknown]): boolean =>
    isOverride(override, CHANGEABLE[name] ?? []);
  return Object.entries(value).every(isKnown) ? (value as SidecarOverrides) : undefined;
}

function isOverride(value: unknown, changeable: readonly string[]): boolean {
  if (!isObject(value)) return false;
  const { resources, extraArgs } = value;
  const areTexts = Array.isArray(extraArgs) && extraArgs.every((arg) => typeof arg === "string");
  const isFine = (resources === undefined || isObject(resources)) && (extraArgs === undefined || areTexts);
  return isFine && changeable.length > 0 && Object.keys(value).every((key) => changeable.includes(key));
}
