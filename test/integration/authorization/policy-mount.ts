import { mkdir, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Makes a directory as the kubelet makes that of a ConfigMap: files are links through `..data`. */
export async function createPolicyMount(directory: string, policy: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeVersion(directory, policy);
  await symlink("..data/policy.json", join(directory, "policy.json"));
}

let versions = 0;

/** Changes the content as the kubelet does: a new directory, then the link `..data` is replaced by renaming. */
export async function writeVersion(directory: string, policy: string): Promise<void> {
  const version = `..version-${(versions += 1)}`;
  await mkdir(join(directory, version));
  await writeFile(join(directory, version, "policy.json"), policy);
  await symlink(version, join(directory, "..data_tmp"));
  await rename(join(directory, "..data_tmp"), join(directory, "..data"));
}
