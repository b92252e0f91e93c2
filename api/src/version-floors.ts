/**
 * The oldest version that is allowed (three numbers) of each component that faces the network, in our images or in front of
 * Jupyter, by its name in the registry that publishes it; and the vulnerability that this version fixes, as its publisher
 * names it, or another reason. Our images are checked against it by a test, those that an administrator names by the
 * controller.
 */
export const VERSION_FLOORS = {
  "oauth2-proxy": { version: "7.15.6", because: "logs the cookies of a request whose callback is invalid" },
  traefik: { version: "3.7.15", because: "forged forward-auth headers (GHSA-6384-m2mw-rf54, GHSA-5m6w-wvh7-57vm)" },
  node: { version: "24.21.0", because: "the release that memory and time limits are measured with" },
  undici: { version: "8.12.4", because: "the release that the tests of the connection to the API server run with" },
  jupyterlab: { version: "4.6.6", because: "the release that the browser tests run with" },
  "jupyter-server": { version: "2.18.0", because: "allow_origin_pat matches a prefix only (CVE-2026-40110)" },
  tornado: { version: "6.5.0", because: "denial of service by the log of multipart forms (CVE-2025-47287)" },
  "jupyter-core": { version: "5.8.1", because: "configuration read from folders of others (CVE-2025-30167)" },
  jinja2: { version: "3.1.6", because: "templates leave the sandbox (CVE-2025-27516)" },
  h11: { version: "0.16.0", because: "malformed chunked bodies are accepted (CVE-2025-43859)" },
  requests: { version: "2.32.4", because: "credentials of .netrc leak to other hosts (CVE-2024-47081)" },
} as const;

/**
 * Whether a version is older than another. A version of fewer numbers, as in a tag, moves with the newest release that
 * it begins: "3.7" is not older than "3.7.15".
 */
export function isOlderVersion(version: string, than: string): boolean {
  const floor = than.split(".").map(Number);
  const differences = version.split(".").map((text, index) => Number(text) - (floor[index] ?? 0));
  return (differences.find((difference) => difference !== 0) ?? 0) < 0;
}
