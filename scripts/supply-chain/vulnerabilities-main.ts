import { lockedVersions } from "./locked-versions.ts";
import { findVulnerabilities } from "./vulnerabilities.ts";

/**
 * `npm run vulnerabilities`: compares every version in our lock files with the data set at AMALTHEA_OSV_URL, by default
 * https://api.osv.dev, which learns names and versions and no more. Exit code 1: something is known; 2: nobody answered.
 */
const url = (process.env["AMALTHEA_OSV_URL"] ?? "https://api.osv.dev").replace(/\/+$/, "");
const versions = lockedVersions();
try {
  const findings = await findVulnerabilities(url, versions);
  for (const { ecosystem, name, version, ids } of findings)
    console.log(`${ecosystem}\t${name}\t${version}\t${ids.join(" ")}`);
  console.log(`${versions.length} versions compared with ${url}: ${findings.length} with known vulnerabilities.`);
  process.exitCode = findings.length === 0 ? 0 : 1;
} catch (error) {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
  console.error(`Nothing was compared: the vulnerability data set at ${url} cannot be used (${cause}).`);
  console.error(
    "Name another one that speaks OSV's API in AMALTHEA_OSV_URL, or run this where that one can be reached.",
  );
  process.exitCode = 2;
}
