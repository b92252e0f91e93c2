import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binaryPath, buildCluster } from "@amalthea/cluster";
import { buildImage, type BuiltImage } from "@amalthea/images";
import { authorizationService } from "../../images/authorization/program.ts";
import { controllerService } from "../../images/controller/program.ts";
import type { NodeService } from "../../images/src/node-service.ts";
import { parseCommandLine } from "../command-line.ts";
import { reportFailure } from "../report-failure.ts";
import { bundledPackages, npmPackage } from "./bundle.ts";
import { goModulesIn } from "./go-binary.ts";
import { installedPackages } from "./image-files.ts";
import { type Package, sortedPackages } from "./package.ts";
import { licencePage, sbomOf } from "./sbom.ts";

/**
 * `npm run sbom [-- --to FOLDER]`: builds the images of a release and writes what each holds: IMAGE.cdx.json (CycloneDX)
 * and licences.md. The folder defaults to dist/sbom.
 */
const repository = join(import.meta.dirname, "../..");
const { values } = parseCommandLine({ to: { type: "string", default: join(repository, "dist/sbom") } });
const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => stop.abort());

/** Debian's packages of which files are copied into the images of services: images/src/service-layers.ts. */
const COPIED = { node: ["ca-certificates", "libc6", "libgcc-s1", "libstdc++6"], static: ["ca-certificates"] };

async function nodePackages(service: NodeService, folder: string): Promise<readonly Package[]> {
  const { inputs } = await service.bundle(repository, join(folder, service.file));
  const npm = bundledPackages(Object.keys(inputs), repository);
  return [...npm, npmPackage(join(repository, "node_modules/node"))];
}

async function writeAll(folder: string): Promise<void> {
  const built = new Map<string, BuiltImage>();
  for (const name of ["jupyter", "controller", "authorization", "traefik", "oauth2-proxy"])
    built.set(name, await buildImage(name, { progress: console.log, signal: stop.signal }));
  const scratch = mkdtempSync(join(tmpdir(), "amalthea-sbom-"));
  try {
    const jupyter = await installedPackages(built.get("jupyter")?.archive ?? "", join(scratch, "jupyter"));
    const copied = (kind: keyof typeof COPIED): readonly Package[] =>
      jupyter.filter(({ ecosystem, name }) => ecosystem === "Debian" && COPIED[kind].includes(name));
    const contents = {
      jupyter,
      controller: [...(await nodePackages(controllerService, scratch)), ...copied("node")],
      authorization: [...(await nodePackages(authorizationService, scratch)), ...copied("node")],
      traefik: [...(await goModulesIn(binaryPath("traefik"))), ...copied("static")],
      "oauth2-proxy": [...(await goModulesIn(binaryPath("oauth2-proxy"))), ...copied("static")],
    };
    mkdirSync(folder, { recursive: true });
    const images = new Map(Object.entries(contents).map(([name, packages]) => [name, sortedPackages(packages)]));
    for (const [name, packages] of images) {
      const version = built.get(name)?.digest ?? "";
      writeFileSync(join(folder, `${name}.cdx.json`), sbomOf({ name, version }, packages));
      const unknown = packages.filter(({ licences }) => licences.length === 0).length;
      console.log(`${name}: ${packages.length} packages, ${unknown} without a known licence`);
    }
    writeFileSync(join(folder, "licences.md"), licencePage(images));
    console.log(`Written to ${folder}.`);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

try {
  await buildCluster(console.log, stop.signal);
  await writeAll(values.to);
} catch (error) {
  reportFailure(error);
}
