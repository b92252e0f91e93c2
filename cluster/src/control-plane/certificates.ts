import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../run.ts";

/** One certificate that our authority signs. */
export type CertificateRequest = {
  /** Name of the files: NAME.crt and NAME.key. */
  readonly file: string;
  /** The user name in Kubernetes. */
  readonly commonName: string;
  /** The group in Kubernetes. */
  readonly organization?: string;
  /** Subject alternative names, as openssl writes them: "DNS:localhost", "IP:127.0.0.1". */
  readonly names?: readonly string[];
};

/** Throw-away clusters outlive no machine, and an expired certificate is a poor reason for one to end. */
const days = "3650";

const keyOptions = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", days];

async function openssl(folder: string, file: string, subject: string, options: readonly string[]): Promise<void> {
  const [key, certificate] = [join(folder, `${file}.key`), join(folder, `${file}.crt`)];
  const configuration = join(folder, "openssl.cnf"); // the system's own would add extensions to ours
  const output = ["-keyout", key, "-out", `${certificate}.new`, "-subj", subject];
  await run("openssl", ["req", "-x509", "-config", configuration, ...keyOptions, ...output, ...options], {
    remedy: "The Debian package openssl brings this command.",
  });
  renameSync(`${certificate}.new`, certificate); // so an existing certificate is a whole one, and has its key
}

async function makeAuthority(folder: string): Promise<void> {
  await openssl(folder, "ca", "/CN=amalthea-cluster", [
    ...["-addext", "basicConstraints=critical,CA:TRUE"],
    ...["-addext", "keyUsage=critical,digitalSignature,keyCertSign,cRLSign"],
    ...["-addext", "subjectKeyIdentifier=hash"],
  ]);
}

async function makeCertificate(folder: string, request: CertificateRequest): Promise<void> {
  const group = request.organization === undefined ? "" : `/O=${request.organization}`;
  const names = request.names ?? [];
  await openssl(folder, request.file, `${group}/CN=${request.commonName}`, [
    ...["-CA", join(folder, "ca.crt"), "-CAkey", join(folder, "ca.key")],
    ...["-addext", "basicConstraints=critical,CA:FALSE"],
    ...["-addext", "keyUsage=critical,digitalSignature"],
    ...["-addext", "extendedKeyUsage=serverAuth,clientAuth"],
    ...(names.length === 0 ? [] : ["-addext", `subjectAltName=${names.join(",")}`]),
  ]);
}

function makeServiceAccountKey(folder: string): void {
  const { privateKey } = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    privateKeyEncoding: { type: "sec1", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  writeFileSync(join(folder, "service-account.key"), privateKey, { mode: 0o600 });
}

/** Makes ca.crt, the requested certificates and service-account.key in a folder; what is there already stays. */
export async function makeCertificates(folder: string, requests: readonly CertificateRequest[]): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, "openssl.cnf"), "[req]\ndistinguished_name = subject\n[subject]\n");
  if (!existsSync(join(folder, "service-account.key"))) makeServiceAccountKey(folder);
  if (!existsSync(join(folder, "ca.crt"))) await makeAuthority(folder);
  const missing = requests.filter((request) => !existsSync(join(folder, `${request.file}.crt`)));
  await Promise.all(missing.map((request) => makeCertificate(folder, request)));
}
