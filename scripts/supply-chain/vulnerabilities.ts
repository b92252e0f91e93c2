import type { LockedVersion } from "./locked-versions.ts";

/** A known vulnerability of a version of ours. */
export type Finding = LockedVersion & { readonly ids: readonly string[] };

/** Versions in one query: https://google.github.io/osv.dev/post-v1-querybatch/. */
const BATCH = 1000;

/** Timeout of a query. */
const TIMEOUT_MILLISECONDS = 30_000;

type Answer = { readonly results: readonly { readonly vulns?: readonly { readonly id: string }[] }[] };

/**
 * Queries a data set in the form of OSV for known vulnerabilities of these versions.
 *
 * @param url of the service, such as https://api.osv.dev
 * @throws Error when it cannot be reached, or answers anything else.
 */
export async function findVulnerabilities(
  url: string,
  versions: readonly LockedVersion[],
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (let start = 0; start < versions.length; start += BATCH) {
    findings.push(...(await findInBatch(url, versions.slice(start, start + BATCH))));
  }
  return findings;
}

async function findInBatch(url: string, versions: readonly LockedVersion[]): Promise<readonly Finding[]> {
  const queries = versions.map(({ ecosystem, name, version }) => ({ package: { ecosystem, name }, version }));
  const response = await fetch(`${url}/v1/querybatch`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ queries }),
    signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS),
  });
  if (!response.ok) throw new Error(`it responds with ${response.status}`);
  const { results } = (await response.json()) as Answer;
  if (results?.length !== versions.length) throw new Error("its response does not have the form of OSV");
  return versions.flatMap((locked, index) => {
    const ids = results[index]?.vulns?.map(({ id }) => id) ?? [];
    return ids.length === 0 ? [] : [{ ...locked, ids }];
  });
}
