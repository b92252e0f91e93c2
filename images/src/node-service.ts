import { join } from "node:path";
import type { Metafile } from "esbuild";
import { NONROOT, nodeRuntimeLayer, SERVICE_ENVIRONMENT } from "./service-layers.ts";
import type { ContainerConfig } from "./oci-archive.ts";
import type { BuildPlace, StagedImage } from "./definition.ts";

/** A service that runs on node. */
export type NodeService = {
  /** Name of the bundled file, whose ending tells node its module format. */
  readonly file: "main.cjs" | "main.mjs";
  /** Writes the bundled file from the sources of a checkout. @returns What went into it. */
  readonly bundle: (repository: string, outfile: string) => Promise<Metafile>;
  /** Flags of node. Default: none. */
  readonly flags?: readonly string[];
  /** Variables besides those of every service. Default: none. */
  readonly environment?: readonly string[];
};

/**
 * Stages an image of node and one file, run by nobody. One file, because reading modules and compiling TypeScript at the
 * start cost memory for good (docs/adr/0006-one-bundled-file.md).
 */
export async function stageNodeService(service: NodeService, place: BuildPlace): Promise<StagedImage> {
  place.progress("bundling the program");
  const root = join(place.scratch, "bundle");
  await service.bundle(place.repository, join(root, "app", service.file));
  return {
    layers: [await nodeRuntimeLayer(place), { root, ownersAndModes: "Root" }],
    config: { ...startOf(service), Env: [...SERVICE_ENVIRONMENT, ...environmentOf(service)] },
  };
}

/** How the container of a service starts, whatever the image is built with. */
export function startOf(service: NodeService): Required<Pick<ContainerConfig, "User" | "WorkingDir" | "Entrypoint">> {
  return {
    User: `${NONROOT}:${NONROOT}`,
    WorkingDir: "/app",
    Entrypoint: ["node", ...(service.flags ?? []), service.file],
  };
}

/** The variables of a service besides those of every image. */
export function environmentOf(service: NodeService): readonly string[] {
  return ["NODE_ENV=production", ...(service.environment ?? [])];
}
