import { mkdir, readFile, rename, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { binaryPath, cacheFolder, type Progress } from "@amalthea/cluster";
import { buildDebianRoot } from "../debian/root.ts";
import { cachedFolder } from "./cache.ts";
import { catalogue } from "./catalogue.ts";
import { inputKey } from "./input-hash.ts";
import { layerCommand } from "./layer.ts";
import { writeOciLayout } from "./oci-archive.ts";
import { BuildError } from "./errors.ts";
import { run } from "./run.ts";
import type { BuildPlace, CompiledBinary, ImageDefinition } from "./definition.ts";
import type { Input } from "./input-hash.ts";
import type { Step } from "./run.ts";

/** An image that is ready to be brought to a cluster. */
export type BuiltImage = {
  readonly name: string;
  /** As objects name it: "jupyter/minimal-notebook:latest". */
  readonly reference: string;
  /** Every name it is known by, `reference` first. */
  readonly references: readonly string[];
  /** Path of an OCI archive, for `skopeo copy oci-archive:…`, `buildah pull oci-archive:…` or `ctr images import`. */
  readonly archive: string;
  /** Digest of its manifest, "sha256:…": new content under an old name shows here. */
  readonly digest: string;
};

/** Who hears of the build, and what it may use. */
export type BuildOptions = {
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Default: `AMALTHEA_CACHE`, or `~/.cache/amalthea`. */
  readonly cache?: string;
  /** Finds a compiled binary. Default: that of the package `@amalthea/cluster`, which has to have built it. */
  readonly compiledBinary?: (name: CompiledBinary) => Promise<string>;
};

const REPOSITORY = join(import.meta.dirname, "..", "..");

/**
 * Builds an image, or finds it built: unchanged inputs cost a few milliseconds.
 *
 * Safe to call twice at the same time, in one process or in several, and after any interruption.
 *
 * @throws ClusterError for a person: what failed, where its log is, what to do.
 */
export async function buildImage(name: string, options: BuildOptions): Promise<BuiltImage> {
  const definition = catalogue.find((image) => image.name === name);
  if (definition === undefined) {
    throw new BuildError(`there is no image "${name}"; there are: ${catalogue.map((image) => image.name).join(", ")}`);
  }
  const cache = join(options.cache ?? cacheFolder(), "images");
  await mkdir(cache, { recursive: true });
  const surroundings = {
    cache,
    signal: options.signal,
    progress: (line: string) => options.progress(`  … ${name}: ${line}`),
  };
  const place = (scratch: string): BuildPlace => buildPlace(definition, scratch, surroundings, options);
  const key = await imageKey(definition, place(""));
  const build = async (folder: string): Promise<void> => {
    await requireSpace(cache, definition);
    await writeImage(definition, folder, place(join(folder, "scratch")));
  };
  const folder = await cachedFolder({ name, key, build }, surroundings);
  const digest = (await readFile(join(folder, "digest"), "utf8")).trim();
  const archive = join(folder, "image.tar");
  return { name, reference: definition.references[0], references: definition.references, archive, digest };
}

type Surroundings = { readonly cache: string; readonly progress: Progress; readonly signal: AbortSignal };

async function imageKey(definition: ImageDefinition, place: BuildPlace): Promise<string> {
  return inputKey([
    { kind: "Text", text: process.arch },
    { kind: "Text", text: definition.references[0] },
    { kind: "Files", path: import.meta.dirname },
    { kind: "Files", path: join(REPOSITORY, "images", definition.name) },
    ...debianInputs(),
    ...(await definition.inputs(place)),
  ]);
}

/** Only what decides the root folder, so that the other images can change without rebuilding it. */
function debianInputs(): readonly Input[] {
  return [
    { kind: "Text", text: process.arch },
    { kind: "Files", path: join(REPOSITORY, "images", "debian") },
  ];
}

function buildPlace(
  definition: ImageDefinition,
  scratch: string,
  { cache, progress, signal }: Surroundings,
  { compiledBinary, progress: say }: BuildOptions,
): BuildPlace {
  const runLogged = async (step: Step, log: string): Promise<void> =>
    run({ ...step, title: `${log}: ${step.title}` }, { log: join(cache, "logs", `${log}.log`), progress: say, signal });
  return {
    repository: REPOSITORY,
    scratch,
    progress,
    signal,
    run: async (step) => runLogged(step, definition.name),
    debianRoot: async () =>
      cachedFolder(
        {
          name: "debian",
          key: await inputKey(debianInputs()),
          build: async (folder) => buildDebianRoot(folder, async (step) => runLogged(step, "debian")),
        },
        { cache, progress, signal },
      ),
    compiledBinary: compiledBinary ?? ((name) => Promise.resolve(binaryPath(name))),
  };
}

/** Leaves `image.tar` and `digest` in the folder. */
async function writeImage(definition: ImageDefinition, folder: string, place: BuildPlace): Promise<void> {
  await mkdir(place.scratch, { recursive: true });
  const { layers, config } = await definition.stage(place);
  const tars: string[] = [];
  for (const [index, layer] of layers.entries()) {
    const tar = join(place.scratch, `layer-${index}.tar`);
    await place.run({
      title: `layer ${index + 1} of ${layers.length} written`,
      command: layerCommand(layer, tar),
      remedy: "Make room on the disk of the cache.",
    });
    tars.push(tar);
  }
  const layout = join(place.scratch, "layout");
  const digest = await writeOciLayout({ reference: definition.references[0], layers: tars, config }, layout);
  const archive = join(place.scratch, "image.tar");
  await place.run({
    title: "archive written",
    command: layerCommand(
      { root: layout, paths: ["oci-layout", "index.json", "blobs"], ownersAndModes: "Root" },
      archive,
    ),
    remedy: "Make room on the disk of the cache.",
  });
  await rename(archive, join(folder, "image.tar"));
  await writeFile(join(folder, "digest"), `${digest}\n`);
  await rm(place.scratch, { recursive: true, force: true });
}

async function requireSpace(cache: string, { name, diskMegabytes }: ImageDefinition): Promise<void> {
  const { bavail, bsize } = await statfs(cache);
  const freeMegabytes = Math.floor((bavail * bsize) / 1e6);
  if (freeMegabytes >= diskMegabytes) return;
  throw new BuildError(
    `${name} needs ${diskMegabytes} MB of disk below ${cache}; ${freeMegabytes} MB are free: free some`,
  );
}
