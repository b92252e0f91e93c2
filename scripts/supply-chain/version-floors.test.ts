import { DEFAULT_IMAGES, isOlderVersion, VERSION_FLOORS } from "../../api/src/index.ts";
import { describe, expect, it } from "vitest";
import { catalogue } from "../../images/src/catalogue.ts";
import { lockedVersions } from "./locked-versions.ts";

/** Names in the lock files, where they differ from those of the floors. */
const LOCKED_NAMES: Readonly<Record<string, string>> = {
  "oauth2-proxy": "github.com/oauth2-proxy/oauth2-proxy/v7",
  traefik: "github.com/traefik/traefik/v3",
};

const lockedAs = (name: string): readonly string[] =>
  lockedVersions()
    .filter((locked) => locked.name === (LOCKED_NAMES[name] ?? name))
    .map(({ version }) => version);

const tagOf = (reference: string): string => reference.replace(/^.*:v?/, "");

describe("what faces the network", () => {
  it.each(Object.entries(VERSION_FLOORS))("is not older than its floor: %s", (name, { version, because }) => {
    const locked = lockedAs(name);
    expect(locked).not.toEqual([]);
    expect(
      locked.filter((one) => isOlderVersion(one, version)),
      because,
    ).toEqual([]);
  });

  it.each([
    ["traefik", DEFAULT_IMAGES.traefik],
    ["oauth2-proxy", DEFAULT_IMAGES.oauth2Proxy],
  ])("is in the image whose tag names its version: %s", (name, byDefault) => {
    const image = catalogue.find((definition) => definition.name === name);
    expect([tagOf(byDefault)]).toEqual(lockedAs(name));
    expect(image?.references[0]).toBe(byDefault);
  });
});
