import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { authorizationService } from "../authorization/program.ts";
import { controllerService } from "../controller/program.ts";

/**
 * `node images/src/bundle.ts controller|authorization FOLDER`: writes the one file that an image runs. A Containerfile
 * calls it, with no package but esbuild and those of the service installed.
 */
const services = { controller: controllerService, authorization: authorizationService };
const [name = "", folder = ""] = process.argv.slice(2);
const service = Object.entries(services).find(([known]) => known === name)?.[1];
if (service === undefined || folder === "") {
  console.error(`Usage: node images/src/bundle.ts ${Object.keys(services).join("|")} FOLDER`);
  process.exit(2);
}
await mkdir(folder, { recursive: true });
await service.bundle(join(import.meta.dirname, "../.."), join(folder, service.file));
