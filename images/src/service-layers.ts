import { chmod, copyFile, mkdir, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { BuildPlace, CompiledBinary } from "./definition.ts";
import type { Layer } from "./layer.ts";

/** The user of images that hold nothing but a service, as in the "distroless" images. */
export const NONROOT = 65_532;

/** Where images hold what they run. */
export const SERVICE_ENVIRONMENT: readonly string[] = [
  "PATH=/usr/local/bin",
  "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
];

/** What the node binary is linked to, besides the loader. */
const LIBRARIES = ["libc.so.6", "libdl.so.2", "libgcc_s.so.1", "libm.so.6", "libpthread.so.0", "libstdc++.so.6"];

/**
 * A layer with the node binary of the npm package `node`, the libraries it needs, certificates and a user, and nothing else: no shell, no package
 * manager. Services keep equal layers, so a registry and a node hold it once.
 */
export async function nodeRuntimeLayer(place: BuildPlace): Promise<Layer> {
  const root = join(place.scratch, "node-runtime");
  await copySystemFiles(await place.debianRoot(), root);
  await addBinary(join(place.repository, "node_modules/node/bin/node"), "node", root);
  return { root, ownersAndModes: "Root" };
}

/** A layer with one binary that needs no library, certificates and a user. */
export async function staticBinaryLayer(name: CompiledBinary, place: BuildPlace): Promise<Layer> {
  const root = join(place.scratch, name);
  await copyCertificatesAndUser(await place.debianRoot(), root);
  await addBinary(await place.compiledBinary(name), name, root);
  return { root, ownersAndModes: "Root" };
}

async function addBinary(file: string, name: string, root: string): Promise<void> {
  const folder = join(root, "usr/local/bin");
  await mkdir(folder, { recursive: true });
  await copyFile(file, join(folder, name));
  await chmod(join(folder, name), 0o755);
}

async function copySystemFiles(debianRoot: string, root: string): Promise<void> {
  await copyCertificatesAndUser(debianRoot, root);
  const { machine, loader } = systemFiles(process.arch);
  const libraries = join("usr/lib", machine);
  for (const folder of [libraries, dirname(loader), "usr/lib64"]) await mkdir(join(root, folder), { recursive: true });
  for (const name of LIBRARIES) await copyFile(join(debianRoot, libraries, name), join(root, libraries, name));
  await copyFile(join(debianRoot, libraries, basename(loader)), join(root, loader));
  await chmod(join(root, loader), 0o755);
  for (const folder of ["lib", "lib64"]) await symlink(join("usr", folder), join(root, folder));
}

/** The name of Debian's library folder for a processor, and where its binaries look for the loader. */
function systemFiles(arch: string): { readonly machine: string; readonly loader: string } {
  return arch === "arm64"
    ? { machine: "aarch64-linux-gnu", loader: "usr/lib/ld-linux-aarch64.so.1" }
    : { machine: "x86_64-linux-gnu", loader: "usr/lib64/ld-linux-x86-64.so.2" };
}

async function copyCertificatesAndUser(debianRoot: string, root: string): Promise<void> {
  await mkdir(join(root, "etc/ssl/certs"), { recursive: true });
  const certificates = "etc/ssl/certs/ca-certificates.crt";
  await copyFile(join(debianRoot, certificates), join(root, certificates));
  await writeFile(
    join(root, "etc/passwd"),
    `root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:${NONROOT}:${NONROOT}:nonroot:/:/sbin/nologin\n`,
  );
  await writeFile(join(root, "etc/group"), `root:x:0:\nnonroot:x:${NONROOT}:\n`);
  await writeFile(join(root, "etc/nsswitch.conf"), "hosts: files dns\n");
}
