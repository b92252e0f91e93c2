import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Package } from "./package.ts";

/** The npm packages of which a bundle holds code, by what the bundler says it has read. */
export function bundledPackages(inputs: readonly string[], repository: string): readonly Package[] {
  const folders = new Set(inputs.flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(input) ?? []));
  return [...folders].map((folder) => npmPackage(join(repository, folder)));
}

/** A package by its own manifest. */
export function npmPackage(folder: string): Package {
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    readonly name: string;
    readonly version: string;
    readonly license?: string;
  };
  const { name, version, license } = manifest;
  return { ecosystem: "npm", name, version, licences: license === undefined ? [] : [license] };
}
