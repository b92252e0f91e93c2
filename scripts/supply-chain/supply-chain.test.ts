import { createServer, type Server } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import { afterEach, describe, expect, it } from "vitest";
import { bundledPackages } from "./bundle.ts";
import { licenceOfText, parseBuildInfo } from "./go-binary.ts";
import { parseDpkgStatus, parsePythonMetadata } from "./image-files.ts";
import { lockedVersions } from "./locked-versions.ts";
import { sortedPackages } from "./package.ts";
import { licencePage, packageUrl, sbomOf } from "./sbom.ts";
import { findVulnerabilities } from "./vulnerabilities.ts";

const packages = [
  { ecosystem: "npm", name: "@scope/tool", version: "1.0.0", licences: ["MIT"] },
  { ecosystem: "Go", name: "github.com/a/b/v2", version: "2.1.0", licences: ["MIT OR Apache-2.0"] },
  { ecosystem: "Debian", name: "libc6", version: "2.36-9+deb12u14", licences: ["LGPL-2.1", "see elsewhere"] },
  { ecosystem: "PyPI", name: "tornado", version: "6.6.1", licences: [] },
] as const;

describe("the SBOM of an image", () => {
  const text = sbomOf({ name: "controller", version: "sha256:0" }, packages);

  it("is valid CycloneDX 1.6", async () => {
    expect(await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(text)).toBeNull();
  });

  it("names each package by its package URL", () => {
    expect(packages.map(packageUrl)).toEqual([
      "pkg:npm/%40scope/tool@1.0.0",
      "pkg:golang/github.com/a/b/v2@v2.1.0",
      "pkg:deb/debian/libc6@2.36-9%2Bdeb12u14",
      "pkg:pypi/tornado@6.6.1",
    ]);
    for (const one of packages) expect(text).toContain(`"purl": "${packageUrl(one)}"`);
  });

  it("does not change from one run to the next", () => {
    expect(sbomOf({ name: "controller", version: "sha256:0" }, packages.toReversed())).toBe(text);
  });
});

it("lists licences, and marks those that nothing tells", () => {
  const page = licencePage(new Map([["controller", sortedPackages(packages)]]));
  expect(page).toContain("| controller | @scope/tool | 1.0.0 | MIT |");
  expect(page).toContain("| controller | tornado | 6.6.1 | ? |");
});

describe("what an image holds", () => {
  it("is read from a Go program, replacements in place of what they replace", () => {
    const info =
      "/bin/x: go1.26.8\n\tpath\ta.org/x\n\tmod\ta.org/x\tv1.2.3\th1:\n\tdep\tb.org/y\tv0.1.0\n\t=>\tc.org/y\tv0.2.0\th1:\n";
    expect(parseBuildInfo(info).map(({ name, version }) => `${name} ${version}`)).toEqual([
      "stdlib 1.26.8",
      "a.org/x 1.2.3",
      "c.org/y 0.2.0",
    ]);
  });

  it("is read from dpkg, without packages that were removed", () => {
    const status =
      "Package: a\nStatus: install ok installed\nVersion: 1\n\nPackage: b\nStatus: deinstall ok config-files\nVersion: 2\n";
    expect(parseDpkgStatus(status)).toEqual([{ ecosystem: "Debian", name: "a", version: "1" }]);
  });

  it.each([
    ["License-Expression: BSD-3-Clause\nLicense: other", ["BSD-3-Clause"]],
    ["Classifier: License :: OSI Approved :: MIT License\nLicense: other", ["MIT License"]],
    ["License: Apache 2.0", ["Apache 2.0"]],
    ["Summary: x", []],
  ])("is read from Python metadata with %j", (lines, licences) => {
    const metadata = `Metadata-Version: 2.4\nName: a\nVersion: 1\n${lines}\n\nLicense: of the description\n`;
    expect(parsePythonMetadata(metadata)).toEqual({ ecosystem: "PyPI", name: "a", version: "1", licences });
  });

  it("is read from a bundle: packages of which it holds code", () => {
    const inputs = ["api/src/names.ts", "node_modules/yaml/dist/index.js", "node_modules/yaml/dist/nodes/Node.js"];
    const repository = new URL("../..", import.meta.url).pathname;
    expect(bundledPackages(inputs, repository)).toEqual([expect.objectContaining({ name: "yaml", licences: ["ISC"] })]);
  });

  it("has the licence that its text is", () => {
    expect(licenceOfText("\n   Apache License\n   Version 2.0, January 2004")).toBe("Apache-2.0");
    expect(licenceOfText("Redistribution and use in source and binary forms … Neither the name of")).toBe(
      "BSD-3-Clause",
    );
    expect(licenceOfText("All rights reserved.")).toBeUndefined();
  });
});

describe("findVulnerabilities", () => {
  const servers: Server[] = [];
  afterEach(() => servers.splice(0).forEach((server) => server.close()));

  /** Answers in the form of https://google.github.io/osv.dev/post-v1-querybatch/. @returns Its address. */
  async function dataSet(vulnerable: string, status = 200): Promise<string> {
    const server = createServer((request, response) => {
      void json(request).then((body) => {
        const { queries } = body as { readonly queries: readonly { readonly package: { readonly name: string } }[] };
        const results = queries.map(({ package: { name } }) =>
          name === vulnerable ? { vulns: [{ id: "GHSA-x" }] } : {},
        );
        response.writeHead(status).end(JSON.stringify({ results }));
      });
    });
    servers.push(server.listen(0, "127.0.0.1"));
    await once(server, "listening");
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  it("names the versions of ours that are vulnerable", async () => {
    const versions = lockedVersions();
    const [tornado] = versions.filter(({ name }) => name === "tornado");
    expect(await findVulnerabilities(await dataSet("tornado"), versions)).toEqual([{ ...tornado, ids: ["GHSA-x"] }]);
  });

  it("fails, instead of finding nothing, when the data set does not answer", async () => {
    const refusing = await dataSet("tornado", 405);
    await expect(findVulnerabilities(refusing, lockedVersions())).rejects.toThrow("it responds with 405");
    await expect(findVulnerabilities("http://127.0.0.1:1", lockedVersions())).rejects.toThrow("fetch failed");
  });
});
