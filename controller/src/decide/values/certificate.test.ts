import { describe, expect, it } from "vitest";
import { aCertificate } from "../testing/certificates.ts";
import { hostsOfCertificates } from "./certificate.ts";

const TRUSTED = (pem: string): string => pem.replaceAll(" CERTIFICATE-", " X509 CERTIFICATE-");

describe("the hosts that certificates are for", () => {
  it.each<{ what: string; pem: () => string; hosts: readonly string[] }>([
    {
      what: "the names and the common name",
      pem: () =>
        aCertificate({ names: ["Hub.example.org", "*.x.example.org", "hub.example.org."], common: "c.example" }),
      hosts: ["hub.example.org", "*.x.example.org", "c.example"],
    },
    {
      what: "a wildcard of several labels",
      pem: () => aCertificate({ names: ["*.*.org", "*.*"] }),
      hosts: ["*.org", "*"],
    },
    { what: "a common name that is no host", pem: () => aCertificate({ common: "alice", names: [] }), hosts: [] },
    {
      what: "certificates of a form that only some programs read",
      pem: () => TRUSTED(aCertificate({ names: ["a.example.org"] })) + aCertificate({ names: ["b.example.org"] }),
      hosts: ["a.example.org", "b.example.org"],
    },
    {
      what: "a certificate with headers",
      pem: () => aCertificate({ names: ["a.example.org"] }).replace("CERTIFICATE-----\n", "CERTIFICATE-----\nA: b\n\n"),
      hosts: ["a.example.org"],
    },
    { what: "no certificate", pem: () => "-----BEGIN CERTIFICATE-----\nAAAA", hosts: [] },
    { what: "nothing", pem: () => "", hosts: [] },
  ])("are those of $what", ({ pem, hosts }) => {
    expect(hostsOfCertificates(pem())).toEqual(hosts);
  });

  it("are all hosts where there are more certificates than a chain has", () => {
    expect(hostsOfCertificates("-----BEGIN CERTIFICATE-----".repeat(40_000))).toEqual(["*"]);
  });
});
