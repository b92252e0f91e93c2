import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeCertificates } from "./certificates.ts";

describe("makeCertificates", () => {
  const folder = mkdtempSync(join(tmpdir(), "amalthea-certificates-"));
  const request = {
    file: "server",
    commonName: "system:node:a",
    organization: "system:nodes",
    names: ["IP:127.0.0.1"],
  };
  const load = (file: string): X509Certificate => new X509Certificate(readFileSync(join(folder, file)));
  beforeAll(() => makeCertificates(folder, [request]));
  afterAll(() => rmSync(folder, { recursive: true }));

  it("signs a certificate that names user, group and address", () => {
    const certificate = load("server.crt");
    expect(certificate.verify(load("ca.crt").publicKey)).toBe(true);
    expect(certificate.subject).toBe("O=system:nodes\nCN=system:node:a");
    expect(certificate.checkIP("127.0.0.1")).toBe("127.0.0.1");
    expect(certificate.ca).toBe(false);
  });

  it("keeps what is there, so that a second start trusts what the first one signed", () => {
    const before = readFileSync(join(folder, "server.crt"), "utf8");
    makeCertificates(folder, [request, { file: "later", commonName: "later" }]);
    expect(readFileSync(join(folder, "server.crt"), "utf8")).toBe(before);
    expect(load("later.crt").verify(load("ca.crt").publicKey)).toBe(true);
  });
});
