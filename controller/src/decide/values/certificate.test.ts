import { describe, expect, it } from "vitest";
import { aCertificate } from "../testing/certificates.ts";
import { hostsOfCertificates } from "./certificate.ts";

/** Of `openssl req -x509 -multivalue-rdn -subj /O=x+CN=victim.example.org`. */
const MULTI_VALUED = `-----BEGIN CERTIFICATE-----
MIIBpDCCAUugAwIBAgIUbtUqJ8z5JadsEOqhLXp6Qq4eeOowCgYIKoZIzj0EAwIw
JzElMAgGA1UECgwBeDAZBgNVBAMMEnZpY3RpbS5leGFtcGxlLm9yZzAgFw0yNjEx
MjkwNDE0NDRaGA8yMTI2MTEwNTA0MTQ0NFowJzElMAgGA1UECgwBeDAZBgNVBAMM
EnZpY3RpbS5leGFtcGxlLm9yZzBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABCR9
iZZ67NghSJ9hKDqZSbPjIewIMHoodo+D5zdUE4kuncQNkfcUl+Vss4INXAw8d3QJ
i0juj/KpPFrfrcuyiUyjUzBRMB0GA1UdDgQWBBRkIKrhc+qSE4bfqgmOEBLf8vDy
6zAfBgNVHSMEGDAWgBRkIKrhc+qSE4bfqgmOEBLf8vDy6zAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0cAMEQCIG0BOUwxGGGG3jgRuHuJiC2SmTG96Fnb3U3k
bnXyImYOAiA80hMCJ1tAwWTdL3Qzhb8dFQVcJuVOLqD24K0GBQDl9Q==
-----END CERTIFICATE-----
`;

function ofOpenSsl(pem: string, form: "X509" | "TRUSTED"): string {
  return pem.replaceAll(" CERTIFICATE-", ` ${form} CERTIFICATE-`);
}

describe("the hosts that certificates are for", () => {
  it.each<{ what: string; pem: () => string; hosts: readonly string[] }>([
    {
      what: "the names and the common name",
      pem: () =>
        aCertificate({
          names: ["Hub.example.org", "*.x.example.org", "hub.example.org", "dot.example.org."],
          common: "c.example",
        }),
      hosts: ["hub.example.org", "*.x.example.org", "dot.example.org", "c.example"],
    },
    {
      what: "a wildcard of several labels",
      pem: () => aCertificate({ names: ["*.*.org", "*.*"] }),
      hosts: ["*.org", "*"],
    },
    {
      what: "a common name of one label",
      pem: () => aCertificate({ common: "hub", names: [] }),
      hosts: ["hub"],
    },
    {
      what: "a common name that is one of several attributes of its line",
      pem: () => MULTI_VALUED,
      hosts: ["victim.example.org"],
    },
    {
      what: "a name that is too long for a host, in no time",
      pem: () => aCertificate({ names: [`${".".repeat(500_000)}a`], common: "x y" }),
      hosts: [],
    },
    {
      what: "certificates of a form that only some programs read",
      pem: () =>
        ofOpenSsl(aCertificate({ names: ["a.example.org"] }), "X509") +
        ofOpenSsl(aCertificate({ names: ["b.example.org"] }), "TRUSTED") +
        aCertificate({ names: ["c.example.org"] }),
      hosts: ["a.example.org", "b.example.org", "c.example.org"],
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
