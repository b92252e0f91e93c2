import { Contrib, Enums, Models, Serialize, Spec } from "@cyclonedx/cyclonedx-library";
import parseExpression from "spdx-expression-parse";
import type { Package } from "./package.ts";

const TYPES = { npm: "npm", PyPI: "pypi", Go: "golang", Debian: "deb" } as const;

const licenceFactory = new Contrib.License.Factories.LicenseFactory((text) => void parseExpression(text));

/** The name of a package in any registry: https://github.com/package-url/purl-spec. */
export function packageUrl({ ecosystem, name, version }: Package): string {
  const path = ecosystem === "Debian" ? `debian/${name}` : ecosystem === "PyPI" ? name.toLowerCase() : name;
  const written = ecosystem === "Go" && name !== "stdlib" ? `v${version}` : version;
  return `pkg:${TYPES[ecosystem]}/${path.split("/").map(encodeURIComponent).join("/")}@${encodeURIComponent(written)}`;
}

/** What an image holds, as a CycloneDX document (JSON, version 1.6); the same image gives the same text. */
export function sbomOf(
  image: { readonly name: string; readonly version: string },
  packages: readonly Package[],
): string {
  const bom = new Models.Bom();
  bom.metadata.component = new Models.Component(Enums.ComponentType.Container, image.name, {
    version: image.version,
    bomRef: image.name,
  });
  for (const one of packages) bom.components.add(componentOf(one));
  const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6));
  return `${serializer.serialize(bom, { sortLists: true, space: 2 })}\n`;
}

function componentOf(one: Package): Models.Component {
  const purl = packageUrl(one);
  const licenses = new Models.LicenseRepository(licencesOf(one));
  return new Models.Component(Enums.ComponentType.Library, one.name, {
    version: one.version,
    purl,
    bomRef: purl,
    licenses,
  });
}

/** A document takes either one expression or a list of single licences. */
function licencesOf({ licences }: Package): readonly Models.License[] {
  const [first, ...more] = licences;
  if (first !== undefined && more.length === 0) return [licenceFactory.makeFromString(first)];
  return licences.map((licence) => licenceFactory.makeDisjunctive(licence));
}

/** The licences of all images as a page. */
export function licencePage(images: ReadonlyMap<string, readonly Package[]>): string {
  const rows = [...images].flatMap(([image, packages]) =>
    packages.map(
      ({ name, version, licences }) => `| ${image} | ${name} | ${version} | ${licences.join(", ") || "?"} |`,
    ),
  );
  const head = [
    "# Licences of what our images hold",
    "",
    "| image | package | version | licence |",
    "|---|---|---|---|",
  ];
  return `${[...head, ...rows].join("\n")}\n`;
}
