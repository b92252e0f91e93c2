import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeCertificates } from "@amalthea/cluster";
import type { Secret } from "kubernetes-types/core/v1.js";

/** A Secret with a certificate for some hosts, and the authority that has signed it, in PEM. */
export async function tlsSecret(
  name: string,
  namespace: string,
  hosts: readonly string[],
): Promise<{ readonly secret: Secret; readonly authority: string }> {
  const folder = await mkdtemp(join(tmpdir(), "amalthea-tls-"));
  try {
    makeCertificates(folder, [{ file: "tls", commonName: "test", names: hosts.map((host) => `DNS:${host}`) }]);
    const read = (file: string): Promise<string> => readFile(join(folder, file), "utf8");
    const stringData = { "tls.crt": await read("tls.crt"), "tls.key": await read("tls.key") };
    const metadata = { name, namespace };
    const secret: Secret = { apiVersion: "v1", kind: "Secret", type: "kubernetes.io/tls", metadata, stringData };
    return { secret, authority: await read("ca.crt") };
  } finally {
    await rm(folder, { recursive: true });
  }
}
