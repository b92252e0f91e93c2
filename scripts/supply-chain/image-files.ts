import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "@amalthea/cluster";
import type { Package } from "./package.ts";

const PACKAGE_FILES = ["./var/lib/dpkg/status", "./usr/share/doc/*", "./opt/*/site-packages/*.dist-info/METADATA"];

/** The Debian and Python packages that are installed in an image, by the files that say so. @param folder Empty. */
export async function installedPackages(archive: string, folder: string): Promise<readonly Package[]> {
  mkdirSync(folder, { recursive: true });
  const { stdout } = await run("tar", ["--list", `--file=${archive}`]);
  for (const blob of stdout.split("\n").filter((path) => /^\.\/blobs\/sha256\/./.test(path))) {
    // Blobs that are no layers, and layers without such files, make the second tar fail.
    const script = 'tar -xOf "$1" "$2" | tar -x -C "$3" --wildcards --no-same-owner "$4" "$5" "$6" 2>/dev/null || true';
    await run("sh", ["-c", script, "sh", archive, blob, folder, ...PACKAGE_FILES]);
  }
  return [...debianPackages(folder), ...pythonPackages(folder)];
}

function debianPackages(root: string): readonly Package[] {
  const status = readFileSync(join(root, "var/lib/dpkg/status"), "utf8");
  return parseDpkgStatus(status).map((one) => ({ ...one, licences: debianLicences(root, one.name) }));
}

/** Reads dpkg's list of packages. */
export function parseDpkgStatus(status: string): readonly Omit<Package, "licences">[] {
  return status
    .split("\n\n")
    .filter((entry) => /^Status: .* installed$/m.test(entry))
    .map((entry) => ({ ecosystem: "Debian", name: field(entry, "Package"), version: field(entry, "Version") }));
}

const field = (text: string, name: string): string => new RegExp(`^${name}: (.*)$`, "m").exec(text)?.[1] ?? "";

/** Names of licences in the machine-readable form of Debian's copyright files; older files are texts without one. */
function debianLicences(root: string, name: string): readonly string[] {
  try {
    const text = readFileSync(join(root, "usr/share/doc", name, "copyright"), "utf8");
    const names = [...text.matchAll(/^License: ([\w.+-]+)$/gm)].map(([, licence = ""]) => licence);
    return names.length === 0 ? [`see /usr/share/doc/${name}/copyright`] : [...new Set(names)].toSorted();
  } catch {
    return []; // a package without documentation
  }
}

function pythonPackages(root: string): readonly Package[] {
  const files = readdirSync(join(root, "opt"), { recursive: true, encoding: "utf8" });
  return files
    .filter((file) => file.endsWith("METADATA"))
    .map((file) => parsePythonMetadata(readFileSync(join(root, "opt", file), "utf8")));
}

/** Reads the METADATA of an installed Python package: its expression of SPDX, else its classifiers, else its own words. */
export function parsePythonMetadata(metadata: string): Package {
  const [header = ""] = metadata.split("\n\n");
  const classifiers = [...header.matchAll(/^Classifier: License :: (?:.* :: )?(.*)$/gm)].map(([, name = ""]) => name);
  const expression = field(header, "License-Expression");
  const own = field(header, "License");
  const licences = expression !== "" ? [expression] : classifiers.length > 0 ? classifiers : own === "" ? [] : [own];
  return { ecosystem: "PyPI", name: field(header, "Name"), version: field(header, "Version"), licences };
}
