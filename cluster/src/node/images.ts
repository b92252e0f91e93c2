import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binaryPath } from "../build/build.ts";
import { ClusterError } from "../errors.ts";
import type { Node } from "./node.ts";
import { pauseImage, registryPort } from "./files.ts";
import { run } from "../run.ts";

/**
 * Where the local registry keeps an image that objects call by this name. Registries drop out: containerd asks the local
 * one for the images of all of them. Examples: "alpine" → "library/alpine:latest", "quay.io/a/b:1" → "a/b:1".
 */
export function localReference(reference: string): string {
  if (reference.includes("@")) throw new ClusterError(`Name the image "${reference}" by a tag, not by a digest.`);
  const parts = reference.split("/");
  const first = parts[0] ?? "";
  const hasRegistry = parts.length > 1 && (/[.:]/.test(first) || first === "localhost");
  const isDockerHub = !hasRegistry || first === "docker.io";
  const path = (hasRegistry ? parts.slice(1) : parts).join("/");
  const repository = isDockerHub && !path.includes("/") ? `library/${path}` : path;
  return /:[^/]+$/.test(repository) ? repository : `${repository}:latest`;
}

/** What skopeo calls an image: names with a transport stay, folders are OCI layouts, files say themselves what they are. */
async function sourceOf(archive: string): Promise<string> {
  if (/^(oci|oci-archive|docker-archive|containers-storage|dir):/.test(archive)) return archive;
  if (!existsSync(archive)) throw new ClusterError(`There is no image archive ${archive}.`);
  if (statSync(archive).isDirectory()) return `oci:${archive}`;
  const isDocker = await run("tar", ["--list", "--file", archive, "--occurrence=1", "manifest.json"]).then(
    () => true,
    () => false,
  );
  return `${isDocker ? "docker-archive" : "oci-archive"}:${archive}`;
}

/**
 * Brings an image into the registry of a node, from which containerd takes every image.
 *
 * @param archive an OCI or Docker archive, an OCI layout folder, or a skopeo name such as "containers-storage:NAME"
 * @param reference the name by which objects call it; the tag defaults to latest
 */
export async function loadImage(node: Node, archive: string, reference: string, signal?: AbortSignal): Promise<void> {
  const source = await sourceOf(archive);
  const target = `docker://127.0.0.1:${registryPort}/${localReference(reference)}`;
  // Objects may name an image by its digest, which compressing its layers on the way would change.
  const preserved = source.startsWith("oci") ? ["--preserve-digests"] : [];
  const options = ["--insecure-policy", "--quiet", "--dest-tls-verify=false", ...preserved];
  const copy = ["skopeo", "copy", ...options, source, target];
  await run("nsenter", [`--net=/proc/${node.init.pid}/ns/net`, "--", ...copy], {
    signal,
    remedy: `Is ${archive} an OCI or Docker archive of one image?`,
  });
}

const digestOf = (content: Buffer | string): string => createHash("sha256").update(content).digest("hex");

/** Writes the image of the pause program as an OCI layout: one layer with one file, readable by anyone. */
async function writePauseImage(folder: string): Promise<void> {
  const blobs = join(folder, "blobs", "sha256");
  mkdirSync(blobs, { recursive: true });
  const add = (content: Buffer | string): { readonly digest: string; readonly size: number } => {
    const digest = digestOf(content);
    writeFileSync(join(blobs, digest), content);
    return { digest: `sha256:${digest}`, size: Buffer.byteLength(content) };
  };
  copyFileSync(binaryPath("pause"), join(folder, "pause"));
  const tar = ["--create", "--file", join(folder, "layer.tar"), "--owner=0", "--group=0", "--mtime=@0"];
  await run("tar", [...tar, "--directory", folder, "pause"]);
  const layer = add(readFileSync(join(folder, "layer.tar")));
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  const config = add(
    JSON.stringify({
      architecture,
      os: "linux",
      config: { Entrypoint: ["/pause"], User: "65535:65535" },
      rootfs: { type: "layers", diff_ids: [layer.digest] },
    }),
  );
  const manifest = add(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: { mediaType: "application/vnd.oci.image.config.v1+json", ...config },
      layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar", ...layer }],
    }),
  );
  const index = { mediaType: "application/vnd.oci.image.manifest.v1+json", ...manifest };
  writeFileSync(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [index] }));
  writeFileSync(join(folder, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
}

/** Brings the image without which no pod starts into the registry, unless it is there. */
export async function loadPauseImage(node: Node): Promise<void> {
  const [repository, tag] = localReference(pauseImage).split(":");
  const tags = join(node.folder, "registry/docker/registry/v2/repositories", repository ?? "", "_manifests/tags");
  if (existsSync(join(tags, tag ?? "", "current", "link"))) return;
  const folder = join(node.folder, "pause-image");
  rmSync(folder, { recursive: true, force: true });
  await writePauseImage(folder);
  await loadImage(node, folder, pauseImage);
  rmSync(folder, { recursive: true });
}
