import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import forge from "node-forge";

/** One certificate that our authority signs. */
export type CertificateRequest = {
  /** Name of the files: NAME.crt and NAME.key. */
  readonly file: string;
  /** The user name in Kubernetes. */
  readonly commonName: string;
  /** The group in Kubernetes. */
  readonly organization?: string;
  /** Subject alternative names: "DNS:localhost", "IP:127.0.0.1". */
  readonly names?: readonly string[];
};

/** Throw-away clusters do not outlive their machine, and should not fail because of an expired certificate. */
const YEARS = 10;

type Extensions = Parameters<forge.pki.Certificate["setExtensions"]>[0];
type Subject = Parameters<forge.pki.Certificate["setSubject"]>[0];
type Issuer = { readonly certificate: forge.pki.Certificate; readonly key: forge.pki.rsa.PrivateKey };

/** Writes a key and a certificate. Without an issuer it is signed by itself. */
function writeCertificate(
  folder: string,
  file: string,
  { subject, extensions }: { readonly subject: Subject; readonly extensions: Extensions },
  issuer?: Issuer,
): void {
  // RSA, because forge knows no elliptic curves; Node makes such a key ten times as fast.
  const { publicKey, privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs1", format: "pem" },
  });
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(publicKey);
  certificate.serialNumber = `01${forge.util.bytesToHex(forge.random.getBytesSync(15))}`; // positive, and never twice
  certificate.validity.notBefore = new Date();
  certificate.validity.notAfter = new Date();
  certificate.validity.notAfter.setFullYear(certificate.validity.notBefore.getFullYear() + YEARS);
  certificate.setSubject(subject);
  certificate.setIssuer(issuer?.certificate.subject.attributes ?? subject);
  certificate.setExtensions(extensions);
  certificate.sign(issuer?.key ?? forge.pki.privateKeyFromPem(privateKey), forge.md.sha256.create());
  writeFileSync(join(folder, `${file}.key`), privateKey, { mode: 0o600 });
  const path = join(folder, `${file}.crt`);
  writeFileSync(`${path}.new`, forge.pki.certificateToPem(certificate));
  renameSync(`${path}.new`, path); // so an existing certificate is a whole one, and has its key
}

function makeAuthority(folder: string): void {
  writeCertificate(folder, "ca", {
    subject: [{ name: "commonName", value: "amalthea-cluster" }],
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", digitalSignature: true, keyCertSign: true, cRLSign: true, critical: true },
      { name: "subjectKeyIdentifier" },
    ],
  });
}

function readAuthority(folder: string): Issuer {
  const read = (file: string): string => readFileSync(join(folder, file), "utf8");
  return {
    certificate: forge.pki.certificateFromPem(read("ca.crt")),
    key: forge.pki.privateKeyFromPem(read("ca.key")),
  };
}

/** A subject alternative name as forge takes it: kinds by their number in RFC 5280. */
function alternativeName(name: string): { readonly type: 2; value: string } | { readonly type: 7; ip: string } {
  const value = name.slice(name.indexOf(":") + 1);
  return name.startsWith("IP:") ? { type: 7, ip: value } : { type: 2, value };
}

function makeCertificate(folder: string, { file, commonName, organization, names = [] }: CertificateRequest): void {
  const group = organization === undefined ? [] : [{ name: "organizationName", value: organization }];
  const altNames = names.map(alternativeName);
  const request = {
    subject: [...group, { name: "commonName", value: commonName }],
    extensions: [
      { name: "basicConstraints", cA: false, critical: true },
      { name: "keyUsage", digitalSignature: true, keyEncipherment: true, critical: true },
      { name: "extKeyUsage", serverAuth: true, clientAuth: true },
      ...(altNames.length === 0 ? [] : [{ name: "subjectAltName", altNames }]),
    ],
  };
  writeCertificate(folder, file, request, readAuthority(folder));
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
export function makeCertificates(folder: string, requests: readonly CertificateRequest[]): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (!existsSync(join(folder, "service-account.key"))) makeServiceAccountKey(folder);
  if (!existsSync(join(folder, "ca.crt"))) makeAuthority(folder);
  const missing = requests.filter((request) => !existsSync(join(folder, `${request.file}.crt`)));
  for (const request of missing) makeCertificate(folder, request);
}
