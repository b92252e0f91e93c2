import { readFileSync } from "node:fs";
import { join } from "node:path";
import { traefikVersion } from "@amalthea/cluster";

const REPOSITORY = join(import.meta.dirname, "..", "..");

/** Where a package is published, by the name that vulnerability data sets give the place. */
export type Ecosystem = "npm" | "PyPI" | "Go";

/** A version that a lock file of this checkout names. */
export type LockedVersion = { readonly ecosystem: Ecosystem; readonly name: string; readonly version: string };

/** Every package version that the lock files name for what the images hold, and for npm what builds and tests them. */
export function lockedVersions(repository: string = REPOSITORY): readonly LockedVersion[] {
  const read = (path: string): string => readFileSync(join(repository, path), "utf8");
  return [
    ...npmVersions(read("package-lock.json")),
    ...pythonVersions(read("images/jupyter/requirements.txt")),
    ...goVersions(read("cluster/go-oauth2-proxy/go.mod")),
    { ecosystem: "Go", name: "github.com/traefik/traefik/v3", version: traefikVersion },
  ];
}

function npmVersions(lockFile: string): readonly LockedVersion[] {
  const lock = JSON.parse(lockFile) as { readonly packages: Readonly<Record<string, { readonly version?: string }>> };
  return Object.entries(lock.packages).flatMap(([path, { version }]) => {
    const name = /node_modules\/((?:@[^/]+\/)?[^/]+)$/.exec(path)?.[1]; // without one it is a workspace of ours
    return name === undefined || version === undefined ? [] : [{ ecosystem: "npm" as const, name, version }];
  });
}

function pythonVersions(requirements: string): readonly LockedVersion[] {
  return [...requirements.matchAll(/^([a-z0-9._-]+)==(\S+)/gim)].map(([, name = "", version = ""]) => ({
    ecosystem: "PyPI",
    name,
    version,
  }));
}

/** The version of a Go module is written without the "v" before it, as vulnerability data sets do. */
function goVersions(goMod: string): readonly LockedVersion[] {
  return [...goMod.matchAll(/^\t(\S+\.\S+\/\S+) v(\S+)/gm)].map(([, name = "", version = ""]) => ({
    ecosystem: "Go",
    name,
    version,
  }));
}
