import { X509Certificate } from "node:crypto";

/** OpenSSL takes each of these for a certificate, Go programs the plain one. */
const BEGIN = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/;
const END = "-----END";

/** More than a chain has; a text with more could be for any host. Each takes half a millisecond to parse. */
const MOST_CERTIFICATES = 8;

/** The longest host name, a dot at its end included. */
const MAX_LENGTH = 254;

/**
 * The host names that the certificates of a PEM text are for, each once, in lower case: DNS names and the common name,
 * which traefik looks at as well. Several leading wildcards are one, and `*` alone is every host. A certificate that
 * cannot be read has none.
 */
export function hostsOfCertificates(pem: string): readonly string[] {
  const certificates = derCertificates(pem);
  if (certificates.length > MOST_CERTIFICATES) return ["*"];
  // What follows is not made for long texts.
  const names = certificates.flatMap(hostsOf).filter((name) => name.length <= MAX_LENGTH);
  return [...new Set(names.map(plainHost).filter(isHost))];
}

/** Whether one of the first certificates of a PEM text cannot be read here; other programs may be able to. */
export function hasUnreadableCertificate(pem: string): boolean {
  return derCertificates(pem)
    .slice(0, MOST_CERTIFICATES)
    .some((der) => parsed(der) === undefined);
}

/** All of them: which one a program takes for the first depends on what else it can read. */
function derCertificates(pem: string): readonly Buffer[] {
  const [, ...blocks] = pem.split(BEGIN);
  return blocks.map((block) => {
    const lines = block.slice(0, Math.max(0, block.indexOf(END))).split("\n");
    const body = lines.filter((line) => !line.includes(":")); // without headers
    return Buffer.from(body.join(""), "base64");
  });
}

function hostsOf(der: Buffer): readonly string[] {
  const certificate = parsed(der);
  if (certificate === undefined) return [];
  const { subject, subjectAltName } = certificate;
  // A line can have several attributes: OpenSSL and Node then join them by a plus sign.
  return [...textsAfter("DNS:", subjectAltName, ", "), ...textsAfter("CN=", subject, /\n| \+ /)];
}

function parsed(der: Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(der);
  } catch {
    return undefined;
  }
}

/** Names with unusual characters are quoted by Node, and are no hosts. */
function textsAfter(mark: string, text: string | undefined, separator: string | RegExp): readonly string[] {
  const parts = (text ?? "").split(separator).filter((part) => part.startsWith(mark));
  return parts.map((part) => part.slice(mark.length));
}

function plainHost(name: string): string {
  return name
    .toLowerCase()
    .replace(/\.+$/, "")
    .replace(/^(\*\.)*\*(?=\.|$)/, "*");
}

function isHost(name: string): boolean {
  return /^(\*|[a-z0-9_-]+)(\.[a-z0-9_-]+)*$/.test(name);
}
