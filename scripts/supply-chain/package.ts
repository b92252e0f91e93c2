/** A package in an image. */
export type Package = {
  readonly ecosystem: "npm" | "PyPI" | "Go" | "Debian";
  readonly name: string;
  readonly version: string;
  /** As the package itself says: expressions of SPDX, or names of its own. Empty where nothing says it. */
  readonly licences: readonly string[];
};

/** Packages by name and version, each once. */
export function sortedPackages(packages: readonly Package[]): readonly Package[] {
  const byName = new Map(packages.map((one) => [`${one.ecosystem} ${one.name} ${one.version}`, one]));
  return [...byName].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
}
