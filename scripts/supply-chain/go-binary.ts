import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "@amalthea/cluster";
import type { Package } from "./package.ts";

/** The modules that a Go program is linked from, and the standard library, by what the compiler wrote into it. */
export async function goModulesIn(binary: string): Promise<readonly Package[]> {
  const { stdout } = await run("go", ["version", "-m", binary]);
  const cache = (await run("go", ["env", "GOMODCACHE"])).stdout.trim();
  return parseBuildInfo(stdout).map((module) => ({ ...module, licences: licencesOf(module, cache) }));
}

type Module = Pick<Package, "ecosystem" | "name" | "version">;

/** Reads the output of `go version -m`. The standard library is called "stdlib", as in vulnerability data sets. */
export function parseBuildInfo(text: string): readonly Module[] {
  const [first = "", ...lines] = text.split("\n");
  const modules = [{ name: "stdlib", version: /: go(\S+)$/.exec(first)?.[1] ?? "" }];
  for (const line of lines) {
    const [, kind, name = "", version = ""] = line.split("\t");
    if (kind === "=>") modules.pop(); // what follows stands in its place
    if (kind === "mod" || kind === "dep" || kind === "=>") modules.push({ name, version: version.replace(/^v/, "") });
  }
  return modules.map((module) => ({ ecosystem: "Go", ...module }));
}

/** The licence by its text in the module cache, which holds the modules of what was compiled here. */
function licencesOf({ name, version }: Module, cache: string): readonly string[] {
  if (name === "stdlib") return ["BSD-3-Clause"];
  const escaped = name.replaceAll(/[A-Z]/g, (letter) => `!${letter.toLowerCase()}`);
  const folder = join(cache, `${escaped}@v${version}`);
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|copying)/i.test(file));
  const found = files.map((file) => licenceOfText(readFileSync(join(folder, file), "utf8")));
  return [...new Set(found.filter((licence) => licence !== undefined))];
}

/** Sentences that stand in one licence alone. */
const SENTENCES: readonly (readonly [RegExp, string])[] = [
  [/Apache License\s+Version 2\.0/, "Apache-2.0"],
  [/Mozilla Public License,? version 2\.0/i, "MPL-2.0"],
  [/Permission is hereby granted, free of charge/, "MIT"],
  [/Permission to use, copy, modify, and(\/or)? distribute/, "ISC"],
  [/Neither the name/, "BSD-3-Clause"],
  [/Redistribution and use in source and binary forms/, "BSD-2-Clause"],
  [/unencumbered software released into the public domain/, "Unlicense"],
];

/** The licence that a text is, by SPDX; undefined for one that is not among the usual ones. */
export function licenceOfText(text: string): string | undefined {
  return SENTENCES.find(([sentence]) => sentence.test(text))?.[1];
}
