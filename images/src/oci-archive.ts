import { createHash } from "node:crypto";
import { mkdir, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sha256OfFile } from "./input-hash.ts";

/** The part of an image's configuration that says how its container starts. Field names as in the OCI specification. */
export type ContainerConfig = {
  readonly User?: string;
  readonly WorkingDir?: string;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly ExposedPorts?: Readonly<Record<string, Record<string, never>>>;
  readonly Labels?: Readonly<Record<string, string>>;
};

/** An image in pieces. */
export type OciImage = {
  /** As objects name it: "jupyter/minimal-notebook:latest". */
  readonly reference: string;
  /** Tar files, lowest first; they are moved away. */
  readonly layers: readonly string[];
  readonly config: ContainerConfig;
};

type Descriptor = { readonly mediaType: string; readonly digest: string; readonly size: number };

/** OCI names processors as Go does. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/**
 * Lays an image out as a folder in the OCI image layout; a tar of that folder is an OCI archive.
 *
 * Layers stay uncompressed: the archives travel between two places of one machine, and a push to a real registry
 * compresses them. Nothing in the layout depends on the time or the place of the build.
 *
 * @returns The digest of the manifest: what a reference by digest names.
 * @see https://github.com/opencontainers/image-spec/blob/main/image-layout.md
 */
export async function writeOciLayout(image: OciImage, folder: string): Promise<string> {
  await mkdir(join(folder, "blobs", "sha256"), { recursive: true });
  const layers: Descriptor[] = [];
  for (const layer of image.layers) layers.push(await moveLayer(layer, folder));
  const config = await writeJson(folder, "application/vnd.oci.image.config.v1+json", {
    architecture: ARCHITECTURES[process.arch] ?? process.arch,
    os: "linux",
    config: image.config,
    rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
  });
  const manifestType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = await writeJson(folder, manifestType, {
    schemaVersion: 2,
    mediaType: manifestType,
    config,
    layers,
  });
  // containerd takes the whole name from the first annotation; the specification wants a tag in the second.
  const annotations = {
    "io.containerd.image.name": fullName(image.reference),
    "org.opencontainers.image.ref.name": image.reference,
  };
  await writeFile(
    join(folder, "index.json"),
    JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }),
  );
  await writeFile(join(folder, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  return manifest.digest;
}

/**
 * The name a container runtime gives to a reference that leaves out the registry.
 *
 * @see https://github.com/distribution/reference/blob/main/normalize.go
 */
export function fullName(reference: string): string {
  const [first = "", ...rest] = reference.split("/");
  if (rest.length === 0) return `docker.io/library/${reference}`;
  return first.includes(".") || first.includes(":") || first === "localhost" ? reference : `docker.io/${reference}`;
}

async function moveLayer(tar: string, folder: string): Promise<Descriptor> {
  const sha256 = await sha256OfFile(tar);
  const { size } = await stat(tar);
  await rename(tar, join(folder, "blobs", "sha256", sha256));
  return { mediaType: "application/vnd.oci.image.layer.v1.tar", digest: `sha256:${sha256}`, size };
}

async function writeJson(folder: string, mediaType: string, content: unknown): Promise<Descriptor> {
  const bytes = Buffer.from(JSON.stringify(content));
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  await writeFile(join(folder, "blobs", "sha256", sha256), bytes);
  return { mediaType, digest: `sha256:${sha256}`, size: bytes.length };
}
