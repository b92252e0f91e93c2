import { generateKeyPairSync } from "node:crypto";
import forge from "node-forge";

const { publicKey, privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs1", format: "pem" },
});

/** A certificate that is signed by itself, as PEM. `names`: DNS names; `common`: the common name. */
export function aCertificate({ names, common }: { names: readonly string[]; common?: string }): string {
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(publicKey);
  const subject = [{ name: "commonName", value: common ?? "a test" }];
  certificate.setSubject(subject);
  certificate.setIssuer(subject);
  const altNames = names.map((value) => ({ type: 2, value })); // DNS, by its number in RFC 5280
  if (altNames.length > 0) certificate.setExtensions([{ name: "subjectAltName", altNames }]);
  certificate.sign(forge.pki.privateKeyFromPem(privateKey), forge.md.sha256.create());
  return forge.pki.certificateToPem(certificate).replaceAll("\r", "");
}

/** A Secret of the type that the API server accepts for Ingresses: it does not look at the key. */
export function aTlsSecret(names: readonly string[]): object {
  const encoded = (text: string): string => Buffer.from(text).toString("base64");
  return {
    ...{ apiVersion: "v1", kind: "Secret", type: "kubernetes.io/tls", metadata: {} },
    data: { "tls.crt": encoded(aCertificate({ names })), "tls.key": encoded("none") },
  };
}
